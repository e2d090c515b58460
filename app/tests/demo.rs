//! `refloat demo`: the story as told, and what it claims, looked up in the records themselves.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use refloat::cluster::{MemoryCluster, ReadRecords};
use refloat::fix::{Doubt, FixOptions, carry_out, look};
use refloat::rescue::{Rescuer, plan_undo, take_back};
use refloat::source::Source;
use refloat_core::bundle::Bundle;
use refloat_core::plan::Way;
use refloat_core::record::StoredRecord;

const BUNDLE: &str = include_str!("../demo/bundle.json");

fn bundle() -> Bundle {
    Bundle::parse(BUNDLE).unwrap()
}

/// The captured cluster, and its abandoned revision.
fn captured() -> (Arc<MemoryCluster>, Source, StoredRecord) {
    let bundle = bundle();
    let abandoned = bundle.records.iter().find(|record| record.meta.id.key == "sh.helm.release.v1.checkout.v2");
    let abandoned = abandoned.unwrap().clone();
    let now = bundle.taken_at;
    let cluster = MemoryCluster::new(bundle.driver, bundle.records, now).with_answers(bundle.answers);
    let cluster = Arc::new(cluster);
    (cluster.clone(), Source::memory(cluster, "shop"), abandoned)
}

fn rescuer(tempo: u32) -> Rescuer {
    Rescuer { name: "ada@laptop".to_owned(), tempo }
}

#[test]
fn the_story_is_the_same_everywhere_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_refloat"))
        .arg("demo")
        .envs(["HOME", "TMPDIR", "XDG_STATE_HOME"].map(|name| (name, home.path())))
        // None of the user's settings may lead the story astray.
        .envs([("HELM_NAMESPACE", "elsewhere"), ("HELM_DRIVER", "sql"), ("KUBECONFIG", "/nowhere"), ("USER", "eve")])
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    insta::with_settings!({filters => vec![(r"/\S*/refloat-demo-\w+/", "[TEMP]/")]}, {
        insta::assert_snapshot!(stdout);
    });
}

#[tokio::test]
async fn the_fix_changes_label_and_payload_and_undo_restores_every_byte() {
    let (cluster, source, abandoned) = captured();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("backups");
    let looked = look(&source, "checkout").await.unwrap();
    assert_eq!(cluster.get(&abandoned.meta.id).await.unwrap().as_ref(), Some(&abandoned));
    let options = FixOptions {
        timeout: Duration::from_secs(1),
        doubt: Doubt::Stop,
        wait: true,
        records_only: true,
        backup_dir: Some(dir),
        policy: Default::default(),
    };
    carry_out(&source, &looked, Way::Unlock, &rescuer(10), &options, &mut |_| {}).await.unwrap();
    let fixed = cluster.get(&abandoned.meta.id).await.unwrap().unwrap();
    let document = fixed.document().unwrap();
    assert_eq!(fixed.object["metadata"]["labels"]["status"], "failed");
    assert_eq!(document.status().as_deref(), Some("failed"));
    let description = document.description().unwrap();
    assert!(description.starts_with("Abandoned, marked failed by refloat: upgrade was interrupted"), "{description}");
    assert!(description.contains("for ada@laptop; refloat undo"), "{description}");
    assert!(fixed.is_immutable());

    let undoing = plan_undo(&source, None).await.unwrap();
    take_back(&source, undoing, &rescuer(1)).await.unwrap();
    let undone = cluster.get(&abandoned.meta.id).await.unwrap().unwrap();
    assert_ne!(undone.meta.guard, abandoned.meta.guard);
    // A sealed record can't be changed, so it was stored anew; what Helm reads is as it was.
    assert!(!undone.is_immutable());
    assert_eq!((undone.digest(), undone.labels()), (abandoned.digest(), abandoned.labels()));
    assert_eq!(undone.object["data"], abandoned.object["data"]);
}

#[test]
fn the_bundle_is_written_as_refloat_writes_it_and_tells_nothing_of_a_machine() {
    assert_eq!(bundle().to_json().unwrap(), BUNDLE);
    let payloads = bundle().records.into_iter().filter_map(|record| Some(record.document().ok()?.text().to_owned()));
    let whole = payloads.fold(BUNDLE.to_owned(), |whole, payload| whole + &payload);
    for word in ["/home/", "/root/", "/Users/", "/tmp/", "/work/", "127.0.0.1", "localhost"] {
        assert!(!whole.contains(word), "{word}");
    }
}
