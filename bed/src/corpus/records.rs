//! Records that are damaged, contradict each other, or may not be written.
use super::objects::config_map;
use super::{Asker, Case, Scenario, V3, V4, calm, failed, label, scenario, silent, stale};
use crate::{At, Driver, Live, Webhooks};
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};

pub(super) const ALL: &[Scenario] = &[
    scenario(
        "label-says-deployed",
        "upgrade killed, and then the newest record's label edited to deployed, but not its payload",
        stale("upgrade", &["apply"], &["label-payload-mismatch"]).also(&["client-killed"]).field('f'),
        |case| {
            killed_applying(case)?;
            case.ns.patch(&case.secret(2), &json!({"metadata": {"labels": {"status": "deployed"}}}))?;
            Ok(None)
        },
    ),
    scenario(
        "label-says-failed",
        "deployed, and its label edited to failed: the next upgrade won't see it as deployed",
        calm(&["label-payload-mismatch"]).field('f'),
        |case| {
            case.installed()?;
            case.ns.patch(&case.secret(1), &json!({"metadata": {"labels": {"status": "failed"}}}))?;
            Ok(None)
        },
    )
    .only(V3),
    scenario(
        "several-deployed",
        "upgrade could not mark the old revision as superseded: two are deployed",
        calm(&["several-deployed"]).field('g'),
        several_deployed,
    ),
    scenario(
        "none-deployed-record-deleted",
        "upgrade killed before its last write, and its pending record deleted by hand",
        calm(&["none-deployed"]).field('h'),
        none_deployed,
    )
    .only(V3),
    scenario(
        "none-deployed-newest-failed",
        "rollback failed while applying: the revision before is superseded all the same, the newest failed",
        failed("rollback", &["apply"], &["none-deployed", "webhook-denied"]).also(&["none-deployed"]).field('h'),
        none_deployed_failed,
    ),
    scenario(
        "payload-truncated",
        "the newest record's payload is cut off in the middle",
        calm(&["undecodable"]).field('j'),
        |case| {
            two_revisions(case)?;
            let secret = case.ns.get(&case.secret(2))?;
            let payload = STANDARD.decode(secret["data"]["release"].as_str().context("a record without payload")?)?;
            damage(case, payload.get(..payload.len() / 2).unwrap_or_default())
        },
    ),
    scenario(
        "payload-garbage",
        "the newest record's payload is something else altogether",
        calm(&["undecodable"]).field('j'),
        |case| {
            two_revisions(case)?;
            damage(case, b"restored from the wrong backup")
        },
    )
    .only(V4),
    scenario(
        "rollback-target-pruned",
        "rollback killed between its objects; making room for its record, Helm had deleted its target's",
        stale("rollback", &["apply"], &["client-killed", "target-pruned"]).also(&["target-pruned"]).field('i'),
        target_pruned,
    ),
    scenario(
        "no-way-back",
        "upgrade killed between its objects, and every older record pruned by hand",
        stale("upgrade", &["apply"], &["client-killed", "target-pruned"]).also(&["target-pruned"]).field('i'),
        |case| {
            killed_applying(case)?;
            case.ns.delete(&case.secret(1))?;
            case.expect("2:pending-upgrade")?;
            Ok(None)
        },
    )
    .only(V3),
    scenario(
        "record-write-forbidden",
        "install by a user who may create records and not change them: done, and pending for ever",
        label(
            "install",
            &["final-write", "supersede", "wait"],
            // He may not see which webhooks there are, so whatever is proved without them takes longer.
            &["stale", "possible"],
            &["record-write-refused"],
        )
        .field('q'),
        write_forbidden,
    )
    .asked_by(Asker::Deployer),
    scenario(
        "record-write-webhook",
        "install done, but a webhook on Secrets doesn't answer, so the record stays pending",
        silent("install", &["final-write", "supersede", "wait"], &["record-write-refused"]).field('q'),
        write_webhook,
    )
    .only(V4),
    scenario(
        "two-drivers",
        "upgrade killed before its last write, and a release of the same name recorded in ConfigMaps",
        stale("upgrade", &["final-write"], &["final-write-missing"]).field('o'),
        two_drivers,
    )
    .only(V3),
    scenario(
        "configmap-driver-killed",
        "upgrade killed between its objects, the records in ConfigMaps",
        stale("upgrade", &["apply"], &["client-killed"]),
        |case| {
            case.installed()?;
            case.faulty("PATCH~/deployments/web:kill-before", "upgrade", 2, &case.app(2, "ready"), &[])?;
            let records = case.ns.get("configmaps?labelSelector=owner=helm,status=pending-upgrade")?;
            ensure!(super::case::items(&records).count() == 1, "no pending record in a ConfigMap");
            Ok(None)
        },
    )
    .driver(Driver::ConfigMap)
    .only(V4),
];

/// Changes a record's payload, and nothing else of it.
pub(super) fn edit(case: &Case<'_>, revision: u32, change: impl FnOnce(&mut Value)) -> Result<()> {
    let secret = case.ns.get(&case.secret(revision))?;
    let text = STANDARD.decode(secret["data"]["release"].as_str().context("a record without payload")?)?;
    let mut json = Vec::new();
    GzDecoder::new(STANDARD.decode(text)?.as_slice()).read_to_end(&mut json)?;
    let mut release: Value = serde_json::from_slice(&json)?;
    change(&mut release);
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(release.to_string().as_bytes())?;
    let text = STANDARD.encode(STANDARD.encode(packed.finish()?));
    case.ns.patch(&case.secret(revision), &json!({"data": {"release": text}})).map(drop)
}

fn damage(case: &Case<'_>, payload: &[u8]) -> Result<Option<Live>> {
    case.ns.patch(&case.secret(2), &json!({"data": {"release": STANDARD.encode(payload)}}))?;
    case.expect("1:superseded 2:deployed")?;
    Ok(None)
}

pub(super) fn two_revisions(case: &Case<'_>) -> Result<()> {
    case.installed()?;
    case.upgrade(2, &case.app(2, "ready"), &["--wait", "--timeout", "90s"])
}

fn killed_applying(case: &Case<'_>) -> Result<()> {
    case.installed()?;
    case.faulty("PATCH~/deployments/web:kill-before", "upgrade", 2, &case.app(2, "ready"), &[])?;
    case.expect("1:deployed 2:pending-upgrade")
}

fn several_deployed(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let fault = format!("PUT~/{}:status=500", case.secret(1));
    case.faulty(&fault, "upgrade", 2, &case.app(2, "ready"), &["--wait", "--timeout", "90s"])?.output.ok()?;
    case.expect("1:deployed 2:deployed")?;
    Ok(None)
}

fn none_deployed(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let fault = format!("PUT~/{}:kill-after", case.secret(1));
    case.faulty(&fault, "upgrade", 2, &case.app(2, "ready"), &["--wait", "--timeout", "90s"])?;
    case.ns.delete(&case.secret(2))?;
    case.expect("1:superseded")?;
    Ok(None)
}

fn none_deployed_failed(case: &Case<'_>) -> Result<Option<Live>> {
    two_revisions(case)?;
    case.webhooks("policy", false, &["apps/deployments"], &[At::Server("deny/frozen")], 5)?;
    case.plain("rollback", &["1"])?.failed()?;
    case.expect("1:superseded 2:superseded 3:failed")?;
    Ok(None)
}

fn target_pruned(case: &Case<'_>) -> Result<Option<Live>> {
    two_revisions(case)?;
    case.upgrade(3, &case.app(3, "ready"), &["--wait", "--timeout", "90s"])?;
    case.plain_faulty("PATCH~/deployments/web:kill-before", "rollback", &["1", "--history-max", "2"])?;
    case.expect("3:deployed 4:pending-rollback")?;
    Ok(None)
}

fn write_forbidden(case: &Case<'_>) -> Result<Option<Live>> {
    let user = case.user(&json!([
        {"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": ["", "apps"], "resources": ["configmaps", "services", "deployments"], "verbs": ["*"]},
    ]))?;
    let wait = ["--wait", "--timeout", "90s", &user[0], &user[1]];
    case.helm("install", 1, &case.app(1, "ready"), &wait)?.ok()?;
    case.expect("1:pending-install")?;
    Ok(None)
}

fn write_webhook(case: &Case<'_>) -> Result<Option<Live>> {
    let webhooks = Webhooks {
        name: "secrets",
        mutating: false,
        resources: &["secrets"],
        operations: &["UPDATE"],
        label: None,
        at: &[At::Nowhere],
        timeout: 5,
    };
    case.enforce(&webhooks)?;
    case.helm("install", 1, &case.app(1, "ready"), &["--wait", "--timeout", "90s"])?.ok()?;
    case.expect("1:pending-install")?;
    Ok(None)
}

fn two_drivers(case: &Case<'_>) -> Result<Option<Live>> {
    case.installed()?;
    let fault = format!("PUT~/{}:kill-after", case.secret(1));
    case.faulty(&fault, "upgrade", 2, &case.app(2, "ready"), &["--wait", "--timeout", "90s"])?;
    let other = case.ns.driver(Driver::ConfigMap);
    let chart = case.chart(1, &[config_map("other-settings", "1")])?;
    other.helm(case.major, ["install", case.release, &chart])?.ok()?;
    case.expect("1:superseded 2:pending-upgrade")?;
    Ok(None)
}
