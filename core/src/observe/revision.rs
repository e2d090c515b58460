//! Which stored revisions a diagnosis needs, and one of them opened: its objects and hooks.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::inventory::{History, Opened};
use crate::manifest::{ManifestObject, Problem, objects};
use crate::record::{Damage, Hook, RecordMeta, Release, Status, StoredRecord};

/// A stored revision, opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Its record.
    pub meta: RecordMeta,
    /// Who wrote the record last, by the server's word: `Helm`, or the controller that carries Helm; `None` for a database.
    pub writer: Option<String>,
    /// The annotations of its record that may be of a policy.
    pub annotations: BTreeMap<String, String>,
    /// What its payload says of itself.
    pub opened: Opened,
    /// Its payload.
    pub release: Release,
    /// The objects of its manifest, in stored order, which is the order in which Helm applies them.
    pub objects: Vec<ManifestObject>,
    /// Documents that gave no object.
    pub problems: Vec<Problem>,
    /// The object of each hook, in the order of `release.hooks`; `None` if it can't be read.
    pub hook_objects: Vec<Option<ManifestObject>>,
}

impl Revision {
    /// Opens a record to its end.
    pub fn open(record: &StoredRecord) -> Result<Self, Damage> {
        let opened = Opened::read(record)?;
        let release = Release::from_document(&record.document()?)?;
        let (found, problems) = objects(&release.manifest);
        let hook_objects = release.hooks.iter().map(|hook| objects(&hook.manifest).0.into_iter().next()).collect();
        Ok(Self {
            meta: record.meta.clone(),
            writer: writer(&record.object),
            annotations: crate::policy::kept(&record.object),
            opened,
            release,
            objects: found,
            problems,
            hook_objects,
        })
    }

    /// The status in the payload.
    pub fn status(&self) -> Status {
        Status::parse(&self.opened.status).unwrap_or(Status::Unknown)
    }

    /// Whether Helm applies it on the server's side.
    pub fn server_side(&self) -> bool {
        self.release.apply_method.as_deref() == Some("ssa")
    }

    /// Hooks of an event with their objects, in the order in which Helm runs them: by weight, then by name (Helm 4.3
    /// `pkg/action/hooks.go:hookByWeight`).
    pub fn hooks_of(&self, event: &str) -> Vec<(&Hook, Option<&ManifestObject>)> {
        let pairs = self.release.hooks.iter().zip(&self.hook_objects);
        let mut hooks: Vec<_> = pairs
            .filter(|(hook, _)| hook.events.iter().any(|on| on == event))
            .map(|(hook, object)| (hook, object.as_ref()))
            .collect();
        hooks.sort_by(|(a, _), (b, _)| (a.weight, &a.name).cmp(&(b.weight, &b.name)));
        hooks
    }
}

/// The manager of the newest entry in managedFields.
pub fn writer(object: &Value) -> Option<String> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let time = |entry: &&Value| entry.get("time").and_then(Value::as_str).map(str::to_owned);
    entries.iter().max_by_key(time)?.get("manager")?.as_str().map(str::to_owned)
}

/// How the description of a revision that a fix abandoned and sealed begins; which operation it was follows.
pub const ABANDONED: &str = "Abandoned, marked failed by refloat: ";

/// What a release's newest record witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// `helm install`.
    Install,
    /// `helm upgrade`.
    Upgrade,
    /// `helm rollback`.
    Rollback,
    /// `helm uninstall`.
    Uninstall,
    /// Nothing is under way, and nothing failed.
    None,
}

impl OperationKind {
    /// Takes a status and the description beside it (Helm 3.22 and 4.3 `pkg/action/{install,upgrade,rollback}.go`).
    pub fn of(status: Status, description: &str) -> Self {
        let abandoned = |kind: Self| {
            description.strip_prefix(ABANDONED).is_some_and(|why| why.starts_with(&format!("{} ", kind.as_str())))
        };
        match status {
            Status::PendingInstall => Self::Install,
            Status::PendingUpgrade => Self::Upgrade,
            Status::PendingRollback => Self::Rollback,
            Status::Uninstalling => Self::Uninstall,
            Status::Failed if description.starts_with("Release ") || abandoned(Self::Install) => Self::Install,
            Status::Failed if description.starts_with("Rollback ") || abandoned(Self::Rollback) => Self::Rollback,
            Status::Failed => Self::Upgrade,
            Status::Deployed | Status::Superseded | Status::Uninstalled | Status::Unknown => Self::None,
        }
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
            Self::Uninstall => "uninstall",
            Self::None => "none",
        }
    }
}

/// Takes a history and the newest payload; gives the revision that Helm had before the operation, by whose manifest it finds
/// what changed and what to remove (Helm 4.3 `pkg/action/upgrade.go:prepareUpgrade`, `rollback.go:prepareRollback`). For an
/// uninstall it is the one still marked deployed, whose objects Helm forgets.
pub fn base(history: &History, newest: &Revision) -> Option<u64> {
    let revision = newest.opened.revision;
    let older = || history.records().iter().filter_map(RecordMeta::revision).filter(|older| *older < revision);
    let with = |status| history.with_status(status).into_iter().filter(|older| *older < revision).max();
    match OperationKind::of(newest.status(), &newest.opened.description) {
        OperationKind::Install => None,
        OperationKind::Upgrade => with(Status::Deployed).or_else(|| with(Status::Superseded)).or_else(|| older().max()),
        OperationKind::Rollback => older().max(),
        OperationKind::Uninstall | OperationKind::None => with(Status::Deployed),
    }
}
