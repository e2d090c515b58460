//! Every side, whose an object is, and objects of another version.

mod tolerance;

use super::*;
use crate::compare::summary;
use crate::manifest::parse;

const OWNER: Owner<'_> = Owner::Release { name: "web", namespace: "ns" };

/// An object of a kind with what is given below its name; owned unless `metadata` is among that.
fn object(kind: &str, rest: &str) -> Value {
    let (version, kind) = kind.rsplit_once('/').unwrap();
    let mut value = parse(rest).unwrap();
    let members = value.as_object_mut().unwrap();
    members.insert("apiVersion".into(), version.into());
    members.insert("kind".into(), kind.into());
    let metadata = members.entry("metadata").or_insert_with(|| serde_json::json!({}));
    metadata.as_object_mut().unwrap().entry("name").or_insert("x".into());
    value
}

/// Where it stands, and what its paths say: `+` new, `-` old, `=` either, `!` neither, `?` unknown.
fn told(kind: &str, old: &str, new: &str, live: &str) -> String {
    let [old, new, live] = [old, new, live].map(|text| (!text.is_empty()).then(|| object(kind, text)));
    let live = live.as_ref().map_or(Live::Absent, Live::Found);
    words(&standing(old.as_ref(), new.as_ref(), live, &Owner::Unchecked))
}

fn words(standing: &Standing) -> String {
    let mark = |sides| match sides {
        Speaks::New => '+',
        Speaks::Old => '-',
        Speaks::Either => '=',
        Speaks::Neither => '!',
        Speaks::Unknown => '?',
    };
    let paths = standing.paths.iter().map(|path| format!(" {}{}", mark(path.sides), path.path));
    standing.side.to_string() + &paths.collect::<String>()
}

fn check(table: &[(&str, &str, &str, &str, &str)]) {
    for (kind, old, new, live, expected) in table {
        assert_eq!(told(kind, old, new, live), *expected, "{kind}: {old} -> {new}: {live}");
    }
}

const CM: &str = "v1/ConfigMap";
const DEPLOY: &str = "apps/v1/Deployment";
const SVC: &str = "v1/Service";

#[test]
fn every_side() {
    check(&[
        (CM, "data: {a: '1'}", "data: {a: '2'}", "data: {a: '2'}", "new +data.a"),
        (CM, "data: {a: '1'}", "data: {a: '2'}", "data: {a: '1'}", "old -data.a"),
        (CM, "data: {a: '1', b: '1'}", "data: {a: '2', b: '2'}", "data: {a: '2', b: '1'}", "mixed +data.a -data.b"),
        (CM, "data: {a: '1'}", "data: {a: '1'}", "data: {a: '1', more: x}", "same"),
        (CM, "data: {a: '1'}", "data: {a: '1'}", "", "absent"),
        (CM, "data: {a: '1'}", "", "", "absent"),
        (CM, "", "data: {a: '1'}", "", "absent"),
        (CM, "", "data: {a: '1'}", "data: {a: '1'}", "new"),
        (CM, "", "data: {a: '1'}", "data: {a: '2'}", "drifted !data.a"),
        (CM, "data: {a: '1'}", "", "data: {a: '2'}", "to-be-pruned"),
        (CM, "data: {a: '1'}", "data: {a: '2'}", "data: {a: '3'}", "drifted !data.a"),
        (CM, "data: {a: '1'}", "data: {a: '1'}", "data: {a: '3'}", "drifted !data.a"),
        (CM, "data: {a: '1'}", "data: {a: '1'}", "{}", "drifted !data.a"),
        // One that speaks for a side outweighs what speaks for none.
        (
            CM,
            "data: {a: '1', b: x, c: x}",
            "data: {a: '2', b: y, c: x}",
            "data: {a: '2', b: z, c: z}",
            "new +data.a !data.b !data.c",
        ),
        // Added and removed.
        (CM, "data: {a: '1'}", "data: {b: '1'}", "data: {a: '1'}", "old -data.a -data.b"),
        (CM, "data: {a: '1'}", "data: {b: '1'}", "data: {b: '1'}", "new +data.a +data.b"),
        (CM, "data: {a: '1'}", "{}", "data: {a: '2'}", "drifted !data.a"),
        (CM, "metadata: {name: x}", "metadata: {generateName: x-, name: ''}", "{}", "unknown"),
    ]);
}

#[test]
fn what_a_revision_does_not_have_counts_by_its_absence() {
    let (one, two) = (object(CM, "data: {a: '1'}"), object(CM, "data: {a: '2'}"));
    let table = [
        (Some(&one), Some(&two), Live::Found(&two), Side::New, Nearer::New, true),
        (Some(&one), Some(&two), Live::Found(&one), Side::Old, Nearer::Old, true),
        (Some(&one), Some(&two), Live::Absent, Side::Absent, Nearer::Neither, true),
        (Some(&one), Some(&two), Live::Unknown, Side::Unknown, Nearer::Neither, true),
        (Some(&one), Some(&one), Live::Found(&one), Side::Same, Nearer::Neither, false),
        (Some(&one), Some(&one), Live::Unknown, Side::Unknown, Nearer::Neither, false),
        (Some(&one), Some(&one), Live::Absent, Side::Absent, Nearer::Neither, false),
        (Some(&one), None, Live::Found(&one), Side::ToBePruned, Nearer::Old, true),
        (Some(&one), None, Live::Absent, Side::Absent, Nearer::New, true),
        (None, Some(&one), Live::Found(&one), Side::New, Nearer::New, true),
        (None, Some(&one), Live::Absent, Side::Absent, Nearer::Old, true),
        (None, None, Live::Found(&one), Side::Unknown, Nearer::Neither, false),
        (None, None, Live::Absent, Side::Absent, Nearer::Neither, false),
    ];
    let mut all = Vec::new();
    for (old, new, live, side, nearer, differs) in table {
        let found = standing(old, new, live, &Owner::Unchecked);
        assert_eq!((found.side, found.nearer, found.differs), (side, nearer, differs), "{old:?} {new:?} {live:?}");
        all.push(found);
    }
    let told = |all: &[Standing]| summary(all).to_string();
    assert_eq!(told(&all), "nearer to neither revision: 3 new and 3 old of 8 objects");
    assert_eq!(told(&all[..1]), "nearer to the new revision: 1 of 1 objects");
    assert_eq!(told(&all[1..2]), "nearer to the old revision: 1 of 1 objects");
    assert_eq!(told(&all[4..5]), "no object differs between the revisions");
}

#[test]
fn ownership_deletion_and_keeping() {
    let meta = |text: &str| object(CM, &format!("data: {{a: '1'}}\nmetadata: {{{text}}}"));
    let (one, two) = (object(CM, "data: {a: '1'}"), object(CM, "data: {a: '2'}"));
    let ours = "annotations: {meta.helm.sh/release-name: web, meta.helm.sh/release-namespace: ns}";
    let label = "labels: {app.kubernetes.io/managed-by: Helm}";
    let name = r#"metadata.annotations["meta.helm.sh/release-name"]"#;
    let namespace = r#"metadata.annotations["meta.helm.sh/release-namespace"]"#;
    let managed = r#"metadata.labels["app.kubernetes.io/managed-by"]"#;
    let other = ours.replace("web", "other");
    let kept = ours.replace('}', ", helm.sh/resource-policy: keep}");
    let gone = format!("{ours}, deletionTimestamp: '2026-01-01T00:00:00Z'");
    let table = [
        (Some(&one), Some(&two), ours.to_owned(), "old -data.a".to_owned()),
        (Some(&one), Some(&two), String::new(), format!("not-ours !{name} !{namespace}")),
        (Some(&one), Some(&two), other.clone(), format!("not-ours !{name}")),
        // What Helm would have to adopt needs the label, too.
        (None, Some(&one), ours.to_owned(), format!("not-ours !{managed}")),
        (None, Some(&one), format!("{ours}, {label}"), "new".to_owned()),
        (Some(&one), None, ours.to_owned(), "to-be-pruned".to_owned()),
        (Some(&one), None, other, format!("not-ours !{name}")),
        (Some(&one), None, kept.clone(), r#"same =metadata.annotations["helm.sh/resource-policy"]"#.to_owned()),
        (Some(&one), Some(&two), kept, "old -data.a".to_owned()),
        (Some(&one), Some(&two), gone.clone(), "terminating".to_owned()),
        (Some(&one), None, gone, "terminating".to_owned()),
    ];
    for (old, new, metadata, expected) in table {
        let live = meta(&metadata);
        assert_eq!(words(&standing(old, new, Live::Found(&live), &OWNER)), expected, "{metadata}");
    }
    // What Helm forces on an object is no drift, whatever the chart says.
    let live = meta(&format!("{ours}, {label}"));
    let chart = meta("labels: {app.kubernetes.io/managed-by: me}");
    assert_eq!(words(&standing(Some(&chart), Some(&chart), Live::Found(&live), &OWNER)), "same");
}

#[test]
fn another_version_is_compared_as_far_as_it_goes() {
    let stand = |old: &Value, new: &Value, live: &Value| {
        words(&standing(Some(old), Some(new), Live::Found(live), &Owner::Unchecked))
    };
    let v1 = |target: u32, max: u32| {
        object(
            "autoscaling/v1/HorizontalPodAutoscaler",
            &format!("spec: {{maxReplicas: {max}, targetCPUUtilizationPercentage: {target}}}"),
        )
    };
    let v2 = |target: u32, max: u32| {
        let metric = format!(
            "{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: {target}}}}}}}"
        );
        object("autoscaling/v2/HorizontalPodAutoscaler", &format!("spec: {{maxReplicas: {max}, metrics: [{metric}]}}"))
    };
    let target = "spec.targetCPUUtilizationPercentage";
    assert_eq!(stand(&v1(50, 3), &v1(60, 3), &v2(60, 3)), format!("unknown ?{target}"));
    assert_eq!(stand(&v1(50, 3), &v1(50, 3), &v2(50, 3)), format!("same ?{target}"));
    assert_eq!(stand(&v1(50, 3), &v1(60, 4), &v2(60, 4)), format!("new +spec.maxReplicas ?{target}"));
    assert_eq!(stand(&v2(50, 3), &v2(60, 3), &v2(60, 3)), "new +spec.metrics[0].resource.target.averageUtilization");
    // Versions that are spelt alike.
    let pdb = |version: &str, min: u32| {
        object(&format!("policy/{version}/PodDisruptionBudget"), &format!("spec: {{minAvailable: {min}}}"))
    };
    assert_eq!(stand(&pdb("v1beta1", 1), &pdb("v1", 2), &pdb("v1", 2)), "new +spec.minAvailable");
    assert_eq!(stand(&pdb("v1beta1", 1), &pdb("v1beta1", 2), &pdb("v1", 1)), "old -spec.minAvailable");
    // Items of a list that the server gave don't say what they are.
    let mut bare = v2(60, 3);
    bare.as_object_mut().unwrap().retain(|key, _| key == "metadata" || key == "spec");
    assert!(stand(&v2(50, 3), &v2(60, 3), &bare).starts_with("new"));
}

#[test]
fn words_are_stable() {
    let all = [
        (Side::New, "new"),
        (Side::Old, "old"),
        (Side::Mixed, "mixed"),
        (Side::Same, "same"),
        (Side::Absent, "absent"),
        (Side::ToBePruned, "to-be-pruned"),
        (Side::Drifted, "drifted"),
        (Side::NotOurs, "not-ours"),
        (Side::Terminating, "terminating"),
        (Side::Unknown, "unknown"),
    ];
    for (side, word) in all {
        assert_eq!((side.to_string().as_str(), serde_json::to_value(side).unwrap()), (word, word.into()));
    }
}
