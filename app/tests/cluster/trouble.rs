//! Every kind of trouble, made by both Helms: what `scan` names it, and what `status` says Helm will answer, against what
//! Helm then answers.

use bed::{Bed, Major, Namespace, Output, Trouble, chart};
use serde_json::Value;

use crate::{each, refloat, refloat_json};

/// Helm's own answer; dry where a dry run asks the same question. `install` asks it only in earnest, and is refused.
fn asked(ns: &Namespace<'_>, major: Major, command: &str, release: &str) -> Output {
    let chart = chart("app");
    let args: Vec<&str> = match command {
        "upgrade" => vec!["upgrade", release, &chart, "--dry-run=server"],
        "install" => vec!["install", release, &chart],
        "rollback" if major == Major::V3 => vec!["rollback", release, "--dry-run"],
        "rollback" => vec!["rollback", release, "--dry-run=server"],
        _ => vec!["uninstall", release, "--dry-run"],
    };
    ns.helm(major, args).unwrap()
}

/// The words up to the first that are ours.
fn helms_words(text: &str) -> &str {
    text.split(';').next().unwrap()
}

fn compare(ns: &Namespace<'_>, major: Major, release: &str, answers: &Value) {
    for (command, foretold) in answers.as_object().unwrap() {
        let output = asked(ns, major, command, release);
        let text = foretold["text"].as_str().unwrap();
        assert_eq!(
            foretold["accepted"],
            output.status.success(),
            "{major} {command} {release}: {text}; helm: {}",
            output.stderr
        );
        if !output.status.success() {
            assert!(
                output.stderr.contains(helms_words(text)),
                "{major} {command} {release}: {text}; helm: {}",
                output.stderr
            );
        }
    }
}

/// The code of the first finding, and how the next command begins; `None` where nothing is wrong.
fn named(trouble: Trouble) -> Option<(&'static str, &'static str)> {
    Some(match trouble {
        Trouble::None => return None,
        Trouble::LastWriteMissing | Trouble::KilledAmongObjects | Trouble::KilledWaitingForImage => {
            ("pending-upgrade", "refloat diagnose")
        }
        Trouble::KilledInHook => ("pending-install", "refloat diagnose"),
        Trouble::RollbackKilled => ("pending-rollback", "refloat diagnose"),
        Trouble::UpgradeFailed | Trouble::InstallFailed => ("failed", "refloat diagnose"),
        Trouble::UninstallBlocked | Trouble::UninstallHookFailed => ("uninstalling", "refloat diagnose"),
        Trouble::PayloadTruncated => ("undecodable", "refloat history"),
        Trouble::LabelEdited => ("label-payload-mismatch", "refloat diagnose"),
        Trouble::TwoDeployed => ("several-deployed", "refloat diagnose"),
        Trouble::NoneDeployed => ("none-deployed", "refloat diagnose"),
    })
}

/// What scan says of a release.
fn scanned(ns: &Namespace<'_>, release: &str) -> Option<(String, String)> {
    let scan = refloat_json(ns, ["-n", &ns.name, "-o", "json"]);
    let found = scan.as_array().unwrap().iter().find(|one| one["name"] == release)?;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Some((text(&found["findings"][0]["code"]), text(&found["next"])))
}

#[test]
fn every_trouble_is_named_and_helm_answers_as_foretold() {
    let kinds = Major::BOTH.into_iter().flat_map(|major| [0, 1].map(|half| (major, half)));
    each(kinds, |(major, half)| {
        let ns = Bed::shared().namespace("answers").unwrap();
        for trouble in Trouble::ALL.into_iter().skip(half).step_by(2) {
            let release = format!("{trouble:?}").to_lowercase();
            trouble.make(&ns, major, &release).unwrap();
            match (scanned(&ns, &release), named(trouble)) {
                (Some((code, next)), Some((expected, command))) => {
                    assert!(code == expected && next.starts_with(command), "{major} {trouble:?}: {code}, {next}");
                }
                (found, expected) => assert!(found.is_none() && expected.is_none(), "{major} {trouble:?}: {found:?}"),
            }
            if trouble == Trouble::PayloadTruncated {
                // Only Helm's write shows it, so no dry run does.
                let text = refloat(&ns, ["status", &release]).stdout;
                assert!(text.contains("upgrade    refused: already exists"), "{text}");
                let refused = ns.helm(major, ["upgrade", &release, &chart("app")]).unwrap().failed().unwrap();
                assert!(refused.contains("already exists"), "{refused}");
                continue;
            }
            let status = refloat_json(&ns, ["status", &release, "-o", "json"]);
            match status.get("answers") {
                Some(answers) => compare(&ns, major, &release, answers),
                None => assert_eq!(trouble, Trouble::None, "{status}"),
            }
        }
    });
}
