//! The stage of a case: a namespace, a release in it, and the operation that is interrupted.
use super::state::{self, Live};
use anyhow::{Result, ensure};
use bed::{Major, Namespace, chart};
use std::fmt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The release's name.
pub const RELEASE: &str = "web";
/// How long Helm waits: no case is about running out of time.
const TIMEOUT: &str = "600s";
/// How long controllers may take, on a machine that does much else.
const SETTLES: Duration = Duration::from_secs(300);

/// What Helm was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// The first install, of version 1.
    Install,
    /// From version 1 to version 2.
    Upgrade,
    /// From version 2 back to version 1.
    Rollback,
    /// Of version 2.
    Uninstall,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Install, Self::Upgrade, Self::Rollback, Self::Uninstall];

    /// Helm's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
            Self::Uninstall => "uninstall",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A namespace in which one Helm works.
pub struct Stage<'b> {
    /// The namespace.
    pub ns: Namespace<'b>,
    /// Which Helm.
    pub major: Major,
}

impl<'b> Stage<'b> {
    /// A namespace as it is before the operation.
    pub fn before(ns: Namespace<'b>, major: Major, operation: Operation) -> Result<Self> {
        let this = Self { ns, major };
        if operation != Operation::Install {
            this.helm(&this.install(1))?;
        }
        if matches!(operation, Operation::Rollback | Operation::Uninstall) {
            this.helm(&this.upgrade(2))?;
        }
        this.settle()?;
        Ok(this)
    }

    /// Runs Helm, which must succeed.
    pub fn helm(&self, args: &[String]) -> Result<()> {
        self.ns.helm(self.major, args)?.ok().map(drop)
    }

    /// The operation's arguments.
    pub fn args(&self, operation: Operation) -> Vec<String> {
        match operation {
            Operation::Install => self.install(1),
            Operation::Upgrade => self.upgrade(2),
            Operation::Rollback => self.rollback(1),
            Operation::Uninstall => words(&["uninstall", RELEASE, "--wait", "--timeout", TIMEOUT]),
        }
    }

    /// `helm install` of a version.
    pub fn install(&self, version: u32) -> Vec<String> {
        with_chart("install", version)
    }

    /// `helm upgrade` to a version.
    pub fn upgrade(&self, version: u32) -> Vec<String> {
        with_chart("upgrade", version)
    }

    /// `helm rollback` to a revision.
    pub fn rollback(&self, revision: u32) -> Vec<String> {
        words(&["rollback", RELEASE, &revision.to_string(), "--wait", "--timeout", TIMEOUT])
    }

    /// Waits until controllers have nothing left to do, and gives what is there then.
    pub fn settle(&self) -> Result<Live> {
        let deadline = Instant::now() + SETTLES;
        loop {
            let live = state::read(&self.ns)?;
            let Some(busy) = live.busy() else { return Ok(live) };
            ensure!(Instant::now() < deadline, "not settled: {busy}; records {}", live.story());
            sleep(Duration::from_millis(500));
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn with_chart(verb: &str, version: u32) -> Vec<String> {
    let version = format!("version={version}");
    // Validation changes nothing that is written, and costs more than all the rest.
    let quickly = "--disable-openapi-validation";
    words(&[verb, RELEASE, &chart("matrix"), "--set", &version, quickly, "--wait", "--timeout", TIMEOUT])
}
