//! `refloat demo`: the story as told, and what it claims, looked up in the records themselves.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use refloat::cluster::{MemoryCluster, ReadRecords};
use refloat::rescue::{Rescuer, carry_out, plan_undo, plan_unlock, take_back, watch};
use refloat::source::Source;
use refloat_core::bundle::Bundle;
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
    let cluster = Arc::new(MemoryCluster::new(bundle.driver, bundle.records, now));
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
    let (id, history, gathered) = source.release("checkout").await.unwrap();
    let planned = plan_unlock(&gathered, &id, history, &rescuer(1)).await.unwrap();
    assert_eq!(cluster.get(&abandoned.meta.id).await.unwrap().as_ref(), Some(&abandoned));

    carry_out(&source, &gathered, &planned, Some(&dir)).await.unwrap();
    let fixed = cluster.get(&abandoned.meta.id).await.unwrap().unwrap();
    let document = fixed.document().unwrap();
    assert_eq!(fixed.object["metadata"]["labels"]["status"], "failed");
    assert_eq!(document.status().as_deref(), Some("failed"));
    assert!(document.description().unwrap().starts_with("Unlocked by refloat for ada@laptop: pending-upgrade"));

    let undoing = plan_undo(&source, None).await.unwrap();
    take_back(&source, &undoing).await.unwrap();
    let mut undone = cluster.get(&abandoned.meta.id).await.unwrap().unwrap();
    assert_ne!(undone.meta.guard, abandoned.meta.guard);
    // A version is never used twice; everything else is as it was.
    undone.object["metadata"]["resourceVersion"] = abandoned.meta.guard.version.clone().into();
    assert_eq!(undone.object, abandoned.object);
}

#[tokio::test(start_paused = true)]
async fn a_watch_looks_as_often_at_any_tempo() {
    let (_, source, _) = captured();
    for (tempo, expected) in [(1, Duration::from_secs(3)), (10, Duration::from_millis(300))] {
        let (id, history, gathered) = source.release("checkout").await.unwrap();
        let planned = plan_unlock(&gathered, &id, history, &rescuer(tempo)).await.unwrap();
        let (begun, mut looks) = (tokio::time::Instant::now(), 0);
        watch(gathered.records.as_ref(), &planned, &rescuer(tempo), |_| looks += 1).await.unwrap();
        assert_eq!((begun.elapsed(), looks), (expected, 6), "{tempo}");
    }
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
