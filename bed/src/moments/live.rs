//! Helm at work, held up in each phase by what holds it up in the field: pods and hooks that take their time, webhooks in a
//! row, a throttling API server.
use super::{Make, Moment};
use crate::corpus::objects::{claim, config_map, hook, template, with};
use crate::corpus::{Case, SOON};
use crate::{At, Live, Major, Webhooks};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What holds Helm up.
#[derive(Clone, Copy)]
enum Hold {
    /// Pods that behave so, for which it waits.
    Pods(&'static str),
    /// Pods of a StatefulSet that become ready one after another.
    Rollout,
    /// A hook for that event which takes ten minutes.
    Hook(&'static str),
    /// Mutating webhooks for writes like these, called one after another.
    Webhooks { of: &'static [&'static str], on: &'static str, version: Option<&'static str>, seconds: &'static [u32] },
    /// An object whose finalizer nobody takes off.
    Finalizer,
    /// The connection: killproxy's faults.
    Connection(&'static [&'static str]),
}

const OBJECTS: &[&str] = &["configmaps", "services", "apps/deployments"];

const fn writes(seconds: &'static [u32]) -> Hold {
    Hold::Webhooks { of: OBJECTS, on: "*", version: None, seconds }
}

const fn deletes(seconds: &'static [u32]) -> Hold {
    Hold::Webhooks { of: OBJECTS, on: "DELETE", version: None, seconds }
}

/// Of writes of one revision's record.
const fn records(on: &'static str, version: &'static str, seconds: &'static [u32]) -> Hold {
    Hold::Webhooks { of: &["secrets"], on, version: Some(version), seconds }
}

/// Throttled so long at each object, but not so long that a client gives up.
const THROTTLED: &[&str] = &[
    "PATCH~/configmaps/web-settings#1-8:status=429",
    "PATCH~/services/web#1-8:status=429",
    "PATCH~/deployments/web#1-8:status=429",
];

/// The same at each kind that an uninstall deletes.
const THROTTLED_DELETES: &[&str] = &[
    "DELETE~/services/web#1-9:status=429",
    "DELETE~/deployments/web#1-9:status=429",
    "DELETE~/configmaps/web-settings#1-9:status=429",
];

/// The same at objects that stay as they are, so that Helm goes past them without a trace.
const UNCHANGED: &[&str] = &[
    "*~/configmaps/same-0#1-9:status=429",
    "*~/configmaps/same-1#1-9:status=429",
    "*~/configmaps/same-2#1-9:status=429",
    "*~/configmaps/same-3#1-9:status=429",
    "*~/configmaps/same-4#1-9:status=429",
];

/// Operation, phase, a name, and what holds it up.
const HELD: &[(&str, &str, &str, Hold)] = &[
    ("install", "pre-hooks", "slow-hook", Hold::Hook("pre-install")),
    ("install", "apply", "webhook-29", writes(&[29])),
    ("install", "apply", "webhooks-29-29-29", writes(&[29, 29, 29])),
    ("install", "wait", "slow-pod", Hold::Pods("ready-after")),
    ("install", "wait", "slow-rollout", Hold::Rollout),
    ("install", "wait", "pending-claim", Hold::Pods("unbound")),
    ("install", "post-hooks", "slow-hook", Hold::Hook("post-install")),
    ("install", "final-write", "webhooks-29-29", records("UPDATE", "1", &[29, 29])),
    ("upgrade", "pre-hooks", "slow-hook", Hold::Hook("pre-upgrade")),
    ("upgrade", "apply", "webhook-5", writes(&[5])),
    ("upgrade", "apply", "webhook-15", writes(&[15])),
    ("upgrade", "apply", "webhooks-25-25", writes(&[25, 25])),
    ("upgrade", "apply", "webhooks-29-29-29-29-29", writes(&[29, 29, 29, 29, 29])),
    ("upgrade", "apply", "throttled", Hold::Connection(THROTTLED)),
    ("upgrade", "apply", "throttled-unchanged", Hold::Connection(UNCHANGED)),
    ("upgrade", "apply", "slow-connection", Hold::Connection(&["PATCH~/namespaces/:delay=20s"])),
    ("upgrade", "prune", "webhooks-29-29-29", deletes(&[29, 29, 29])),
    ("upgrade", "wait", "slow-pod", Hold::Pods("ready-after")),
    ("upgrade", "wait", "never-ready", Hold::Pods("never-ready")),
    ("upgrade", "wait", "image-pull", Hold::Pods("image-pull")),
    ("upgrade", "wait", "crash-loop", Hold::Pods("crash-loop")),
    ("upgrade", "wait", "unschedulable", Hold::Pods("nowhere")),
    ("upgrade", "wait", "slow-rollout", Hold::Rollout),
    // Helm 3 bears 30 such answers in a row, one every two seconds.
    ("upgrade", "wait", "api-503-for-40-s", Hold::Connection(&["GET~/replicasets#1-20:status=503"])),
    ("upgrade", "post-hooks", "slow-hook", Hold::Hook("post-upgrade")),
    ("upgrade", "supersede", "webhooks-29-29-29", records("UPDATE", "1", &[29, 29, 29])),
    ("upgrade", "final-write", "webhook-29", records("UPDATE", "2", &[29])),
    ("upgrade", "final-write", "webhooks-29-29-29", records("UPDATE", "2", &[29, 29, 29])),
    ("upgrade", "final-write", "throttled", Hold::Connection(&["PUT~sh.helm.release.v1.web.v2#1-9:status=429"])),
    ("rollback", "pre-hooks", "slow-hook", Hold::Hook("pre-rollback")),
    ("rollback", "apply", "webhooks-29-29", writes(&[29, 29])),
    ("rollback", "wait", "never-ready", Hold::Pods("never-ready")),
    ("rollback", "post-hooks", "slow-hook", Hold::Hook("post-rollback")),
    ("rollback", "supersede", "webhooks-29-29", records("UPDATE", "2", &[29, 29])),
    ("uninstall", "pre-hooks", "slow-hook", Hold::Hook("pre-delete")),
    ("uninstall", "prune", "webhooks-25-25", deletes(&[25, 25])),
    ("uninstall", "prune", "throttled", Hold::Connection(THROTTLED_DELETES)),
    ("uninstall", "wait", "finalizer", Hold::Finalizer),
    ("uninstall", "post-hooks", "slow-hook", Hold::Hook("post-delete")),
    ("uninstall", "purge", "webhooks-29-29", records("DELETE", "1", &[29, 29])),
];

pub fn all() -> Vec<Moment> {
    let moment = |major, (operation, phase, what, hold): &(&'static str, &'static str, &'static str, Hold)| {
        let (operation, phase, hold) = (*operation, *phase, *hold);
        let make: Make = Box::new(move |case: &Case<'_>| {
            let held = Held { case, operation, hold };
            held.before()?;
            let helm = held.start()?;
            held.until(phase)?;
            Ok(Some(helm))
        });
        let helm = if major == Major::V3 { 3 } else { 4 };
        let words = format!("{operation} held up in {phase} by: {what}");
        Moment { name: format!("{operation}-{phase}-{what}-h{helm}"), operation, phase, words, major, make }
    };
    HELD.iter().flat_map(|held| Major::BOTH.map(|major| moment(major, held))).collect()
}

struct Held<'c, 'n> {
    case: &'c Case<'n>,
    operation: &'static str,
    hold: Hold,
}

const WAIT: [&str; 3] = ["--wait", "--timeout", "30m"];

impl Held<'_, '_> {
    /// The objects of a version; `slow` is the version at which Helm is to be held up.
    fn objects(&self, version: u32, slow: bool) -> Vec<Value> {
        let behaviour = match self.hold {
            Hold::Pods("nowhere" | "unbound") => "ready",
            Hold::Pods(behaviour) if slow => behaviour,
            _ => "ready",
        };
        let mut objects = self.case.app(version, behaviour);
        objects.push(config_map(&format!("web-only-{version}"), "1"));
        objects.extend((0..5).map(|number| config_map(&format!("same-{number}"), "1")));
        match self.hold {
            Hold::Pods("ready-after") if slow => {
                objects[2]["spec"]["template"]["metadata"]["annotations"]["bed.refloat.dev/seconds"] = json!("600");
            }
            Hold::Pods("nowhere") if slow => {
                objects[2]["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "fast"});
            }
            Hold::Pods("unbound") if slow => {
                objects.push(claim("web-data", "premium"));
                objects[2]["spec"]["template"]["spec"]["volumes"] =
                    json!([{"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}}]);
            }
            Hold::Rollout if slow => objects[2] = rollout(version),
            Hold::Finalizer => {
                let finalizer = json!({"metadata": {"finalizers": ["example.com/hold"]}});
                objects[0] = with(objects[0].clone(), &finalizer);
            }
            Hold::Hook(event) => {
                let mut hook = hook("web-task", event, "completes-after", version);
                hook["spec"]["template"]["metadata"]["annotations"]["bed.refloat.dev/seconds"] = json!("600");
                objects.push(hook);
            }
            _ => {}
        }
        objects
    }

    /// Everything up to the operation.
    fn before(&self) -> Result<()> {
        let case = self.case;
        let quick = ["--wait", "--timeout", "90s"];
        match self.operation {
            // The target of the rollback is what holds it up, so nobody waits for it here.
            "rollback" => {
                case.install(1, &self.objects(1, true), &[])?;
                case.upgrade(2, &case.app(2, "ready"), &quick)?;
            }
            "upgrade" | "uninstall" => case.install(1, &self.objects(1, false), &quick)?,
            _ => {}
        }
        if let Hold::Webhooks { of, on, version, seconds } = self.hold {
            let paths: Vec<_> = seconds.iter().map(|seconds| format!("delay/{seconds}")).collect();
            let at: Vec<_> = paths.iter().map(|path| At::Server(path)).collect();
            let operations = if on == "*" { &["CREATE", "UPDATE"][..] } else { &[on] };
            let label = version.map(|version| ("version", version));
            case.enforce(&Webhooks {
                name: "slow",
                mutating: true,
                resources: of,
                operations,
                label,
                at: &at,
                timeout: 30,
            })?;
        }
        Ok(())
    }

    fn start(&self) -> Result<Live> {
        let case = self.case;
        let (version, objects) = match self.operation {
            "install" => (1, self.objects(1, true)),
            _ => (2, self.objects(2, true)),
        };
        match (self.operation, self.hold) {
            ("rollback", _) => case.plain_spawn("rollback", &["1", WAIT[0], WAIT[1], WAIT[2]]),
            ("uninstall", Hold::Connection(faults)) => Ok(case.plain_held(faults, "uninstall", &WAIT)?.live),
            ("uninstall", _) => case.plain_spawn("uninstall", &WAIT),
            (verb, Hold::Connection(faults)) => Ok(case.held(faults, verb, version, &objects, &WAIT)?.live),
            (verb, _) => case.spawn(verb, version, &objects, &WAIT),
        }
    }

    /// Waits until Helm is where it is to be held up.
    fn until(&self, phase: &str) -> Result<()> {
        let case = self.case;
        let begun = |records: &str| records.contains("pending-") || records.contains("uninstalling");
        let start = Instant::now();
        while !begun(&case.records()?) {
            ensure!(start.elapsed() < SOON, "the operation did not begin: {}", case.records()?);
            sleep(Duration::from_millis(50));
        }
        match self.hold {
            Hold::Hook(_) => case.job_runs("web-task"),
            Hold::Pods(_) | Hold::Rollout => case.pod("web", |pod| pod["status"]["conditions"].is_array()),
            Hold::Finalizer => case.gone("apps/v1/deployments/web"),
            _ if matches!(phase, "supersede" | "final-write") && self.operation != "uninstall" => {
                case.ns.wait("apps/v1/deployments/web", SOON, |found| found["status"]["readyReplicas"] == 1).map(drop)
            }
            _ if phase == "purge" => case.gone("apps/v1/deployments/web"),
            _ => Ok(()),
        }
    }
}

/// A StatefulSet whose pods become ready one after another, each in its time.
fn rollout(version: u32) -> Value {
    let mut template = template("web", "ready-after", version);
    template["metadata"]["annotations"]["bed.refloat.dev/seconds"] = json!("20");
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web-store"},
        "spec": {
            "serviceName": "web", "replicas": 8, "selector": {"matchLabels": {"app": "web"}}, "template": template,
        },
    })
}
