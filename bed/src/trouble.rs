//! The kinds of trouble a release can be in, each made by real Helm on a real API server: killed at a write or while
//! waiting, failed, or damaged in the way users damage records. One call makes one release in one kind of trouble.
use crate::{Killed, Major, Namespace, Output, chart};
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// None: revision 2 is deployed.
    None,
    /// Upgrade killed after everything but its last write: the old revision is superseded, the new one still pending.
    LastWriteMissing,
    /// Upgrade killed between its objects.
    KilledAmongObjects,
    /// First install killed while its pre-install hook was running.
    KilledInHook,
    /// Upgrade killed while it waited for a pod whose image cannot be pulled.
    KilledWaitingForImage,
    /// Upgrade failed, as its pod crashes.
    UpgradeFailed,
    /// First install failed in its pre-install hook.
    InstallFailed,
    /// Rollback killed between its objects.
    RollbackKilled,
    /// Uninstall killed while it waited for an object with a finalizer that nobody takes off.
    UninstallBlocked,
    /// Uninstall failed in its pre-delete hook.
    UninstallHookFailed,
    /// The newest record's payload is cut off in the middle.
    PayloadTruncated,
    /// Upgrade killed, and then the newest record's label edited to `deployed`, but not its payload.
    LabelEdited,
    /// Upgrade that could not mark the old revision as superseded: two are deployed.
    TwoDeployed,
    /// As `LastWriteMissing`, and then the pending record deleted by hand: none is deployed. Helm 3 lists no such
    /// release, but upgrades it.
    NoneDeployed,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::None,
        Self::LastWriteMissing,
        Self::KilledAmongObjects,
        Self::KilledInHook,
        Self::KilledWaitingForImage,
        Self::UpgradeFailed,
        Self::InstallFailed,
        Self::RollbackKilled,
        Self::UninstallBlocked,
        Self::UninstallHookFailed,
        Self::PayloadTruncated,
        Self::LabelEdited,
        Self::TwoDeployed,
        Self::NoneDeployed,
    ];

    /// In a few words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LastWriteMissing => "upgrade killed, only the last write is missing",
            Self::KilledAmongObjects => "upgrade killed between its objects",
            Self::KilledInHook => "install killed in its pre-install hook",
            Self::KilledWaitingForImage => "upgrade killed waiting for an image that cannot be pulled",
            Self::UpgradeFailed => "upgrade failed, the pod crashes",
            Self::InstallFailed => "install failed in its pre-install hook",
            Self::RollbackKilled => "rollback killed between its objects",
            Self::UninstallBlocked => "uninstall killed, a finalizer blocks it",
            Self::UninstallHookFailed => "uninstall failed in its pre-delete hook",
            Self::PayloadTruncated => "newest record's payload cut off",
            Self::LabelEdited => "upgrade killed, then the record's label edited",
            Self::TwoDeployed => "two revisions deployed",
            Self::NoneDeployed => "no revision deployed, pending record deleted by hand",
        }
    }

    /// The `status` labels of the records it leaves, oldest first.
    #[must_use]
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::None | Self::PayloadTruncated => &["superseded", "deployed"],
            Self::LastWriteMissing => &["superseded", "pending-upgrade"],
            Self::KilledAmongObjects | Self::KilledWaitingForImage => &["deployed", "pending-upgrade"],
            Self::KilledInHook => &["pending-install"],
            Self::UpgradeFailed => &["deployed", "failed"],
            Self::InstallFailed => &["failed"],
            Self::RollbackKilled => &["superseded", "deployed", "pending-rollback"],
            Self::UninstallBlocked | Self::UninstallHookFailed => &["uninstalling"],
            Self::LabelEdited | Self::TwoDeployed => &["deployed", "deployed"],
            Self::NoneDeployed => &["superseded"],
        }
    }

    /// Makes a release that is in it, and makes sure that it is.
    pub fn make(self, ns: &Namespace<'_>, major: Major, release: &str) -> Result<()> {
        let case = Case { ns, major, release };
        match self {
            Self::None => case.two_revisions(),
            Self::LastWriteMissing => case.last_write_missing(),
            Self::KilledAmongObjects => case.killed_among_objects(),
            Self::KilledInHook => case.killed_in_hook(),
            Self::KilledWaitingForImage => case.killed_waiting_for_image(),
            Self::UpgradeFailed => case.upgrade_failed(),
            Self::InstallFailed => case.install_failed(),
            Self::RollbackKilled => case.rollback_killed(),
            Self::UninstallBlocked => case.uninstall_blocked(),
            Self::UninstallHookFailed => case.uninstall_hook_failed(),
            Self::PayloadTruncated => case.payload_truncated(),
            Self::LabelEdited => case.label_edited(),
            Self::TwoDeployed => case.two_deployed(),
            Self::NoneDeployed => case.none_deployed(),
        }
        .and_then(|()| {
            let labels = case.labels()?;
            ensure!(labels == self.labels(), "the records are {labels:?}, not {:?}", self.labels());
            Ok(())
        })
        .with_context(|| format!("{major} was to bring {release} into trouble ({})", self.words()))
    }
}

/// One release to be. Its chart is `app`; version 2 changes, adds and removes an object each.
struct Case<'a> {
    ns: &'a Namespace<'a>,
    major: Major,
    release: &'a str,
}

impl Case<'_> {
    fn args(&self, verb: &str, set: &str, more: &[&str]) -> Vec<String> {
        let mut args = vec![verb.to_owned(), self.release.to_owned(), chart("app")];
        if !set.is_empty() {
            args.extend(["--set".to_owned(), set.to_owned()]);
        }
        args.extend(more.iter().map(|&arg| arg.to_owned()));
        args
    }

    fn helm(&self, verb: &str, set: &str, more: &[&str]) -> Result<Output> {
        self.ns.helm(self.major, self.args(verb, set, more))
    }

    fn install(&self, set: &str) -> Result<()> {
        self.helm("install", set, &[])?.ok().map(drop)
    }

    fn upgrade_with(&self, fault: &str) -> Result<Killed> {
        self.ns.helm_with_faults(self.major, &[fault], self.args("upgrade", "version=2", &[]))?.sure()
    }

    fn secret(&self, revision: u32) -> String {
        format!("secrets/sh.helm.release.v1.{}.v{revision}", self.release)
    }

    fn labels(&self) -> Result<Vec<String>> {
        let list = self.ns.get(&format!("secrets?labelSelector=owner=helm,name={}", self.release))?;
        let labels = list["items"].as_array().into_iter().flatten().map(|item| &item["metadata"]["labels"]["status"]);
        Ok(labels.map(|label| label.as_str().unwrap_or_default().to_owned()).collect())
    }

    fn two_revisions(&self) -> Result<()> {
        self.install("")?;
        self.helm("upgrade", "version=2", &[])?.ok().map(drop)
    }

    fn last_write_missing(&self) -> Result<()> {
        self.install("")?;
        // Both Helms write the old record once, just before the new one's last write.
        self.upgrade_with(&format!("PUT~/{}:kill-after", self.secret(1))).map(drop)
    }

    fn killed_among_objects(&self) -> Result<()> {
        self.install("")?;
        // By then the ConfigMaps are written; what version 2 does without is not yet deleted.
        self.upgrade_with(&format!("PATCH~/deployments/{}:kill-before", self.release)).map(drop)
    }

    fn killed_in_hook(&self) -> Result<()> {
        let args = self.args("install", "hooks.pre.behaviour=hangs", &[]);
        let helm = self.ns.spawn_helm(self.major, args)?;
        self.ns.wait(&format!("batch/v1/jobs/{}-pre", self.release), LIMIT, |job| job["status"]["active"] == 1)?;
        helm.kill().map(drop)
    }

    fn killed_waiting_for_image(&self) -> Result<()> {
        self.install("")?;
        let args = self.args("upgrade", "version=2,pod.behaviour=image-pull", &["--wait"]);
        let helm = self.ns.spawn_helm(self.major, args)?;
        self.ns.wait(&format!("pods?labelSelector=app={}", self.release), LIMIT, |pods| {
            let is_waiting = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"].is_object();
            pods["items"].as_array().is_some_and(|pods| pods.iter().any(is_waiting))
        })?;
        helm.kill().map(drop)
    }

    fn upgrade_failed(&self) -> Result<()> {
        self.install("")?;
        let set = "version=2,pod.behaviour=crash-loop";
        // The limit is for each hook too, which needs a second or two on a busy machine.
        self.helm("upgrade", set, &["--wait", "--timeout", "8s"])?.failed().map(drop)
    }

    fn install_failed(&self) -> Result<()> {
        self.helm("install", "hooks.pre.behaviour=fails", &[])?.failed().map(drop)
    }

    fn rollback_killed(&self) -> Result<()> {
        self.two_revisions()?;
        let fault = format!("PATCH~/deployments/{}:kill-after", self.release);
        let args = ["rollback", self.release, "1"];
        self.ns.helm_with_faults(self.major, &[&fault], args)?.sure().map(drop)
    }

    fn uninstall_blocked(&self) -> Result<()> {
        self.install("finalizer=example.com/hold")?;
        let helm = self.ns.spawn_helm(self.major, ["uninstall", self.release, "--wait"])?;
        // It is deleted after the ConfigMaps: from here on Helm only waits.
        self.ns.wait(&format!("serviceaccounts/{}", self.release), LIMIT, Value::is_null)?;
        helm.kill().map(drop)
    }

    fn uninstall_hook_failed(&self) -> Result<()> {
        self.install("hooks.pre-delete.enabled=true,hooks.pre-delete.behaviour=fails")?;
        self.ns.helm(self.major, ["uninstall", self.release])?.failed().map(drop)
    }

    fn payload_truncated(&self) -> Result<()> {
        self.two_revisions()?;
        let secret = self.ns.get(&self.secret(2))?;
        let payload = STANDARD.decode(secret["data"]["release"].as_str().context("a record without payload")?)?;
        let half = STANDARD.encode(&payload[..payload.len() / 2]);
        self.ns.patch(&self.secret(2), &json!({"data": {"release": half}})).map(drop)
    }

    fn label_edited(&self) -> Result<()> {
        self.killed_among_objects()?;
        self.ns.patch(&self.secret(2), &json!({"metadata": {"labels": {"status": "deployed"}}})).map(drop)
    }

    fn two_deployed(&self) -> Result<()> {
        self.install("")?;
        // Helm only logs that it could not write the old record.
        self.upgrade_with(&format!("PUT~/{}:status=500", self.secret(1)))?.output.ok().map(drop)
    }

    fn none_deployed(&self) -> Result<()> {
        self.last_write_missing()?;
        self.ns.delete(&self.secret(2))
    }
}
