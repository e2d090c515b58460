//! Records that real Helm wrote, copied, read and broken behind its back, as people and restores break them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bed::{Driver, Namespace, chart};
use refloat_core::record::{DEFAULT_LIMIT, decode, encode};
use serde_json::{Value, json};

/// The record of one revision, in a Secret or a ConfigMap.
#[derive(Clone, Copy)]
pub struct Record<'n> {
    pub ns: &'n Namespace<'static>,
    pub driver: Driver,
    pub release: &'n str,
    pub revision: u64,
}

impl<'n> Record<'n> {
    pub fn new(ns: &'n Namespace<'static>, driver: Driver, release: &'n str, revision: u64) -> Self {
        Self { ns, driver, release, revision }
    }

    /// The same of another release or revision, which may not be there.
    pub fn of(&self, release: &'n str, revision: u64) -> Self {
        Self { release, revision, ..*self }
    }

    pub fn collection(&self) -> &'static str {
        if self.driver == Driver::ConfigMap { "configmaps" } else { "secrets" }
    }

    pub fn key(&self) -> String {
        format!("sh.helm.release.v1.{}.v{}", self.release, self.revision)
    }

    pub fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.key())
    }

    /// The object as the API serves it.
    pub fn object(&self) -> Value {
        self.ns.get(&self.path()).unwrap()
    }

    /// The payload's text as Helm wrote it.
    pub fn inner(&self) -> String {
        let object = self.object();
        let text = object["data"]["release"].as_str().unwrap();
        if self.driver == Driver::ConfigMap {
            return text.to_owned();
        }
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    }

    /// The payload's JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&decode(self.inner().as_bytes(), DEFAULT_LIMIT).unwrap()).unwrap()
    }

    /// Replaces the payload's text.
    pub fn store(&self, inner: &str) {
        self.patch(&json!({"data": {"release": self.outer(inner)}}));
    }

    /// Replaces the payload by this JSON, packed as Helm packs it.
    pub fn store_json(&self, json: &Value) {
        self.store(&encode(json.to_string().as_bytes()));
    }

    /// Changes the payload's JSON.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut json = self.json();
        change(&mut json);
        self.store_json(&json);
    }

    /// Sets a label, or takes it off.
    pub fn label(&self, key: &str, value: Option<&str>) {
        self.patch(&json!({"metadata": {"labels": {key: value}}}));
    }

    pub fn patch(&self, patch: &Value) {
        self.ns.patch(&self.path(), patch).unwrap();
    }

    /// Creates this record as a copy of another one's payload, as a restore from a backup does; `change` may spoil it first.
    pub fn copy(&self, from: &Record<'_>, change: impl FnOnce(&mut Value)) {
        let mut object = from.object();
        let metadata = json!({"name": self.key(), "labels": {
            "name": self.release, "owner": "helm", "version": self.revision.to_string(),
            "status": object["metadata"]["labels"]["status"],
        }});
        object["metadata"] = metadata;
        let mut json = from.json();
        json["name"] = self.release.into();
        json["version"] = self.revision.into();
        object["data"]["release"] = self.outer(&encode(json.to_string().as_bytes())).into();
        change(&mut object);
        self.ns.post(self.collection(), &object).unwrap();
    }

    fn outer(&self, inner: &str) -> String {
        if self.driver == Driver::ConfigMap { inner.to_owned() } else { STANDARD.encode(inner) }
    }
}

/// `web` as Helm 3 installed and Helm 4 upgraded it: the record of revision 2, which is deployed.
pub fn web<'n>(ns: &'n Namespace<'static>, driver: Driver) -> Record<'n> {
    let chart = chart("tiny");
    ns.helm3(["install", "web", &chart]).unwrap().ok().unwrap();
    ns.helm4(["upgrade", "web", &chart, "--set", "data.version=2"]).unwrap().ok().unwrap();
    Record::new(ns, driver, "web", 2)
}

/// So many letters that hardly shrink, the same every time.
pub fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(state >> 58) as usize])
    };
    (0..length).map(|_| letter()).collect()
}
