//! One scenario being made: Helm, its chart, and the questions that show that it really came about.
use super::objects::{config_map, deployment, service};
use crate::{At, Killed, Live, Major, Namespace, Output, Proxied, Webhooks};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// How long anything may take that controllers do in a moment: the machine may be busy.
pub const SOON: Duration = Duration::from_secs(60);

/// A release to be.
pub struct Case<'a> {
    /// Its namespace.
    pub ns: &'a Namespace<'a>,
    /// The Helm that makes it.
    pub major: Major,
    /// Its name.
    pub release: &'a str,
    /// Paths of what has to be deleted by itself.
    pub leftovers: RefCell<Vec<String>>,
    /// More Helms that still run.
    pub also_live: RefCell<Vec<Live>>,
}

impl<'a> Case<'a> {
    /// Of a namespace that is its own, with nothing made yet.
    #[must_use]
    pub fn new(ns: &'a Namespace<'a>, major: Major) -> Self {
        Self { ns, major, release: super::RELEASE, leftovers: RefCell::default(), also_live: RefCell::default() }
    }

    /// What it has left.
    pub fn done<'b>(&self, ns: Namespace<'b>) -> super::Made<'b> {
        super::Made { ns, helms: self.also_live.take(), leftovers: self.leftovers.take() }
    }
}

impl Case<'_> {
    /// Writes a chart of these objects and gives its path.
    pub fn chart(&self, version: u32, objects: &[Value]) -> Result<String> {
        let dir = self.ns.scratch()?.with_extension("chart");
        fs::create_dir_all(dir.join("templates"))?;
        let about = json!({
            "apiVersion": "v2", "name": "shop", "version": format!("{version}.0.0"), "appVersion": version.to_string(),
        });
        fs::write(dir.join("Chart.yaml"), about.to_string())?;
        for (index, object) in objects.iter().enumerate() {
            let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
            let path = dir.join("templates").join(format!("{index:02}-{kind}.yaml"));
            fs::write(path, serde_json::to_string_pretty(object)?)?;
        }
        Ok(dir.to_string_lossy().into_owned())
    }

    /// A plain application: a ConfigMap that changes with the version, a Service, and a Deployment.
    pub fn app(&self, version: u32, behaviour: &str) -> Vec<Value> {
        vec![
            config_map(&format!("{}-settings", self.release), &version.to_string()),
            service(self.release),
            deployment(self.release, behaviour, version),
        ]
    }

    fn args(&self, verb: &str, chart: Option<&str>, more: &[&str]) -> Vec<String> {
        let start = [verb, self.release].into_iter().chain(chart);
        start.chain(more.iter().copied()).map(str::to_owned).collect()
    }

    /// Installs a chart of these objects, which must succeed.
    pub fn install(&self, version: u32, objects: &[Value], more: &[&str]) -> Result<()> {
        self.helm("install", version, objects, more)?.ok().map(drop)
    }

    /// Installs version 1 of the plain application, and waits until it is ready.
    pub fn installed(&self) -> Result<()> {
        self.install(1, &self.app(1, "ready"), &["--wait", "--timeout", "90s"])
    }

    /// Upgrades to a chart of these objects, which must succeed.
    pub fn upgrade(&self, version: u32, objects: &[Value], more: &[&str]) -> Result<()> {
        self.helm("upgrade", version, objects, more)?.ok().map(drop)
    }

    /// Runs a verb with a chart of these objects.
    pub fn helm(&self, verb: &str, version: u32, objects: &[Value], more: &[&str]) -> Result<Output> {
        self.ns.helm(self.major, self.args(verb, Some(&self.chart(version, objects)?), more))
    }

    /// The same in the background.
    pub fn spawn(&self, verb: &str, version: u32, objects: &[Value], more: &[&str]) -> Result<Live> {
        self.ns.spawn_helm(self.major, self.args(verb, Some(&self.chart(version, objects)?), more))
    }

    /// The same with faults (`testbed/killproxy/README.md`), of which one must take effect.
    pub fn faulty(&self, fault: &str, verb: &str, version: u32, objects: &[Value], more: &[&str]) -> Result<Killed> {
        let args = self.args(verb, Some(&self.chart(version, objects)?), more);
        self.ns.helm_with_faults(self.major, &[fault], args)?.sure()
    }

    /// The same in the background.
    pub fn held(&self, faults: &[&str], verb: &str, version: u32, objects: &[Value], more: &[&str]) -> Result<Proxied> {
        let args = self.args(verb, Some(&self.chart(version, objects)?), more);
        self.ns.spawn_helm_with_faults(self.major, faults, args)
    }

    /// The method with which Helm creates an object of a chart: Helm 4 applies it.
    pub fn creating(&self) -> &'static str {
        if self.major == Major::V3 { "POST" } else { "PATCH" }
    }

    /// Runs a verb without a chart: rollback, uninstall.
    pub fn plain(&self, verb: &str, more: &[&str]) -> Result<Output> {
        self.ns.helm(self.major, self.args(verb, None, more))
    }

    /// The same with a fault.
    pub fn plain_faulty(&self, fault: &str, verb: &str, more: &[&str]) -> Result<Killed> {
        self.ns.helm_with_faults(self.major, &[fault], self.args(verb, None, more))?.sure()
    }

    /// The same with faults in the background.
    pub fn plain_held(&self, faults: &[&str], verb: &str, more: &[&str]) -> Result<Proxied> {
        self.ns.spawn_helm_with_faults(self.major, faults, self.args(verb, None, more))
    }

    /// The same in the background.
    pub fn plain_spawn(&self, verb: &str, more: &[&str]) -> Result<Live> {
        self.ns.spawn_helm(self.major, self.args(verb, None, more))
    }

    /// The path of a record's Secret, relative to the namespace.
    pub fn secret(&self, revision: u32) -> String {
        format!("secrets/sh.helm.release.v1.{}.v{revision}", self.release)
    }

    /// The records' status labels, as `1:superseded 2:deployed`.
    pub fn records(&self) -> Result<String> {
        let list = self.ns.get(&format!("secrets?labelSelector=owner=helm,name={}", self.release))?;
        let mut found = Vec::new();
        for item in list["items"].as_array().context("a list without items")? {
            let label = |name: &str| item["metadata"]["labels"][name].as_str().context("a record without labels");
            found.push((label("version")?.parse::<u32>()?, label("status")?.to_owned()));
        }
        found.sort_unstable();
        let words: Vec<_> = found.iter().map(|(version, status)| format!("{version}:{status}")).collect();
        Ok(words.join(" "))
    }

    /// Fails if the records aren't so.
    pub fn expect(&self, records: &str) -> Result<()> {
        let found = self.records()?;
        ensure!(found == records, "the records are {found}, not {records}");
        Ok(())
    }

    /// Waits until the records are so.
    pub fn until(&self, records: &str) -> Result<()> {
        let path = format!("secrets?labelSelector=owner=helm,name={}", self.release);
        self.ns.wait(&path, SOON, |_| self.records().is_ok_and(|found| found == records)).map(drop)
    }

    /// The newest record's description, as Helm tells it.
    pub fn description(&self) -> Result<String> {
        let status = self.plain("status", &["--output", "json"])?.json()?;
        Ok(status["info"]["description"].as_str().unwrap_or_default().to_owned())
    }

    /// Fails if the newest record's description doesn't contain that.
    pub fn described(&self, part: &str) -> Result<()> {
        let description = self.description()?;
        ensure!(description.contains(part), "the description doesn't say `{part}`: {description}");
        Ok(())
    }

    /// Waits for a pod with that `app` label that is as wished.
    pub fn pod(&self, app: &str, wish: impl Fn(&Value) -> bool) -> Result<()> {
        let path = format!("pods?labelSelector=app={app}");
        self.ns.wait(&path, SOON, |pods| items(pods).any(&wish)).map(drop)
    }

    /// Waits for a pod with a container that waits for that reason.
    pub fn waiting(&self, app: &str, reason: &str) -> Result<()> {
        self.pod(app, |pod| {
            items_at(&pod["status"]["containerStatuses"]).any(|c| c["state"]["waiting"]["reason"] == reason)
        })
    }

    /// Waits for an event with that reason and those words.
    pub fn event(&self, reason: &str, words: &str) -> Result<()> {
        let path = format!("events?fieldSelector=reason={reason}");
        let said = |event: &Value| event["message"].as_str().is_some_and(|message| message.contains(words));
        self.ns.wait(&path, SOON, |events| items(events).any(said)).map(drop)
    }

    /// Waits until an object is there.
    pub fn there(&self, path: &str) -> Result<Value> {
        self.ns.wait(path, SOON, |object| !object.is_null())
    }

    /// Waits until an object is gone.
    pub fn gone(&self, path: &str) -> Result<()> {
        self.ns.wait(path, SOON, Value::is_null).map(drop)
    }

    /// Waits until a Job's pod runs.
    pub fn job_runs(&self, name: &str) -> Result<()> {
        let runs = |job: &Value| job["status"]["active"] == 1;
        self.ns.wait(&format!("batch/v1/jobs/{name}"), SOON, runs)?;
        self.pod(name, |pod| pod["status"]["phase"] == "Running" || pod["status"]["phase"] == "Pending")
    }

    /// Waits until a Job has ended, `Complete` or `Failed`.
    pub fn job_ended(&self, name: &str, how: &str) -> Result<()> {
        let ended = |job: &Value| {
            items_at(&job["status"]["conditions"]).any(|found| found["type"] == how && found["status"] == "True")
        };
        self.ns.wait(&format!("batch/v1/jobs/{name}"), SOON, ended).map(drop)
    }

    /// Creates webhooks for creates and updates of these resources, and waits until they are in force.
    pub fn webhooks(&self, name: &str, mutating: bool, resources: &[&str], at: &[At<'_>], timeout: u32) -> Result<()> {
        let operations = &["CREATE", "UPDATE"];
        let webhooks = Webhooks { name, mutating, resources, operations, label: None, at, timeout };
        self.enforce(&webhooks)
    }

    /// Creates webhooks, and waits until they are in force.
    pub fn enforce(&self, webhooks: &Webhooks<'_>) -> Result<()> {
        self.leftovers.borrow_mut().push(webhooks.create(self.ns)?);
        // The API server has to see it first: a fraction of a second, and no call of a slow one is worth asking with.
        sleep(Duration::from_millis(1500));
        Ok(())
    }

    /// Creates a definition of `Widget` in a group of this namespace alone, and gives the group.
    pub fn define(&self, versions: &[&str]) -> Result<String> {
        let group = format!("{}.example.com", self.ns.name);
        let definition = super::objects::definition(&group, versions);
        self.ns.apply(&definition)?;
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}");
        self.leftovers.borrow_mut().push(path.clone());
        let is_in_force = |found: &Value| {
            items_at(&found["status"]["conditions"])
                .any(|found| found["type"] == "Established" && found["status"] == "True")
        };
        self.ns.wait(&path, SOON, is_in_force)?;
        // Discovery follows a moment later.
        for version in versions {
            self.ns.wait(&format!("/apis/{group}/{version}"), SOON, |found| {
                items_at(&found["resources"]).next().is_some()
            })?;
        }
        Ok(group)
    }

    /// Takes a definition away, and waits until its kind isn't served any more.
    pub fn undefine(&self, group: &str, version: &str) -> Result<()> {
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}");
        self.ns.delete(&path)?;
        self.gone(&path)?;
        self.gone(&format!("/apis/{group}/{version}"))?;
        self.ns.forget_discovery()
    }

    /// A user who may do these things in the namespace, and the flags with which Helm acts as him.
    pub fn user(&self, rules: &Value) -> Result<[String; 2]> {
        let name = self.user_name();
        self.ns.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "deployer"}, "rules": rules,
        }))?;
        self.ns.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "deployer"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        }))?;
        sleep(Duration::from_millis(500));
        Ok(["--kube-as-user".to_owned(), name])
    }

    /// The name of that user.
    pub fn user_name(&self) -> String {
        format!("deployer-{}", self.ns.name)
    }
}

/// The items of a list.
pub fn items(list: &Value) -> impl Iterator<Item = &Value> {
    items_at(&list["items"])
}

/// The elements of an array, none if it is none.
pub fn items_at(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}
