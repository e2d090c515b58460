//! A namespace of a bed, in which a test runs Helm and looks at what Helm did.
use crate::{Bed, Binary, Driver, Live, Major, Output};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs};

/// A namespace, and the storage driver Helm uses there.
#[derive(Clone, Debug)]
pub struct Namespace<'b> {
    /// The bed it is in.
    pub bed: &'b Bed,
    /// Its name.
    pub name: String,
    driver: Driver,
}

impl<'b> Namespace<'b> {
    pub(crate) fn create(bed: &'b Bed, name: &str) -> Result<Self> {
        bed.api.post("/api/v1/namespaces", &json!({"metadata": {"name": name}}))?;
        let this = Self::existing(bed, name);
        // Without its service account the API server refuses every pod.
        this.wait("serviceaccounts/default", Duration::from_secs(30), |account| !account.is_null())?;
        Ok(this)
    }

    /// A namespace that is there already.
    #[must_use]
    pub fn existing(bed: &'b Bed, name: &str) -> Self {
        Self { bed, name: name.to_owned(), driver: Driver::default() }
    }

    /// The same namespace with another storage driver.
    #[must_use]
    pub fn driver(&self, driver: Driver) -> Self {
        Self { driver, ..self.clone() }
    }

    /// Runs Helm to its end.
    pub fn helm<I: IntoIterator<Item: AsRef<OsStr>>>(&self, major: Major, args: I) -> Result<Output> {
        let (mut command, name) = self.command(major, args)?;
        let output = command.output().with_context(|| format!("cannot start `{name}`"))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Output { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr), command: name })
    }

    /// Runs Helm 3 to its end.
    pub fn helm3<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Result<Output> {
        self.helm(Major::V3, args)
    }

    /// Runs Helm 4 to its end.
    pub fn helm4<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Result<Output> {
        self.helm(Major::V4, args)
    }

    /// Starts Helm in the background.
    pub fn spawn_helm<I: IntoIterator<Item: AsRef<OsStr>>>(&self, major: Major, args: I) -> Result<Live> {
        let (command, name) = self.command(major, args)?;
        Live::spawn(command, name, &self.scratch()?)
    }

    /// Helm, ready to be started: in this namespace, with a home of its own, and with nothing of the user's settings.
    pub(crate) fn command<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        major: Major,
        args: I,
    ) -> Result<(Command, String)> {
        let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let binary = match major {
            Major::V3 => Binary::Helm3,
            Major::V4 => Binary::Helm4,
        };
        let mut command = Command::new(binary.path()?);
        command.args(&args);
        self.set_env(&mut command)?;
        let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
        Ok((command, format!("{major}: helm {}", words.join(" "))))
    }

    /// Gives a command the environment of Helm in this namespace: `refloat` needs the same one.
    pub fn set_env(&self, command: &mut Command) -> Result<()> {
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("HELM_") || text.starts_with("KUBE") {
                command.env_remove(&name);
            }
        }
        let home = self.home();
        command
            .env("KUBECONFIG", &self.bed.address.kubeconfig)
            .env("KUBECACHEDIR", home.join("kube"))
            .env("HELM_NAMESPACE", &self.name)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            .env("HELM_DRIVER", self.driver.name())
            // By this the supervisor finds what is still running when the bed ends.
            .env("REFLOAT_BED_DIR", &self.bed.address.dir);
        if self.driver == Driver::Sql {
            command.env("HELM_DRIVER_SQL_CONNECTION_STRING", self.bed.postgres()?);
        }
        Ok(())
    }

    /// Takes away what Helm remembers of the server's kinds for hours: the next command is as one on a fresh machine.
    pub fn forget_discovery(&self) -> Result<()> {
        match fs::remove_dir_all(self.home().join("kube")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn home(&self) -> PathBuf {
        self.bed.address.dir.join("helm").join(&self.name)
    }

    /// A path for files of one command.
    pub(crate) fn scratch(&self) -> Result<PathBuf> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(self.home())?;
        Ok(self.home().join(format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))))
    }

    /// The whole path of one that is relative to the namespace: `secrets/x`, `apps/v1/deployments/x`. One with a slash
    /// in front stays as it is.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        let mut parts = path.splitn(3, '/');
        if let (Some(group), Some(version), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
            let is_version = version.strip_prefix('v').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()));
            if is_version && !rest.is_empty() && !matches!(group, "secrets" | "configmaps" | "pods" | "services") {
                return format!("/apis/{group}/{version}/namespaces/{}/{rest}", self.name);
            }
        }
        format!("/api/v1/namespaces/{}/{path}", self.name)
    }

    /// Reads an object or a list; see [`Namespace::path`].
    pub fn get(&self, path: &str) -> Result<Value> {
        self.bed.api.get(&self.path(path))
    }

    /// Reads an object that may not be there.
    pub fn find(&self, path: &str) -> Result<Option<Value>> {
        self.bed.api.find(&self.path(path))
    }

    /// Creates an object in the collection at `path`.
    pub fn post(&self, path: &str, object: &Value) -> Result<Value> {
        self.bed.api.post(&self.path(path), object)
    }

    /// Changes an object: an array is a JSON patch, anything else a merge patch.
    pub fn patch(&self, path: &str, patch: &Value) -> Result<Value> {
        self.bed.api.patch(&self.path(path), patch)
    }

    /// Applies an object on the server's side, by force, as the field manager `bed`.
    pub fn apply(&self, object: &Value) -> Result<Value> {
        self.bed.api.apply(object, &self.name)
    }

    /// Deletes an object in the background; one that is not there is none to delete.
    pub fn delete(&self, path: &str) -> Result<()> {
        self.bed.api.delete(&self.path(path))
    }

    /// Reads until the object is as wished; one that is not there is `Null`.
    pub fn wait(&self, path: &str, limit: Duration, wish: impl Fn(&Value) -> bool) -> Result<Value> {
        self.bed.api.wait(&self.path(path), limit, wish)
    }
}
