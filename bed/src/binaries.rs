//! Builds the Go binaries below `testbed/` on first use and keeps them in the user's cache folder, named by a hash of
//! everything that goes into them, so that neither a fresh checkout nor a parallel test process builds one twice.
use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;
use std::{env, io};

/// A binary of the test bed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// etcd, the API server, its controllers, the simulated kubelet, and their supervisor.
    Controlplane,
    /// Helm 3.
    Helm3,
    /// Helm 4.
    Helm4,
    /// The proxy that kills its client at a given write.
    Killproxy,
    /// The server that plays admission webhooks.
    Webhook,
    /// Both Helms' own code that judges whether objects are ready.
    Readiness,
    /// Kubernetes' own three-way merge, and objects to merge.
    Merge,
}

impl Binary {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Controlplane, Self::Helm3, Self::Helm4, Self::Killproxy, Self::Webhook, Self::Readiness, Self::Merge];

    /// The folder's name below `testbed/`, and the file's in the cache.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Controlplane => "controlplane",
            Self::Helm3 => "helm3",
            Self::Helm4 => "helm4",
            Self::Killproxy => "killproxy",
            Self::Webhook => "webhook",
            Self::Readiness => "readiness",
            Self::Merge => "merge",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Controlplane | Self::Killproxy | Self::Webhook | Self::Readiness | Self::Merge => ".",
            Self::Helm3 => "helm.sh/helm/v3/cmd/helm",
            Self::Helm4 => "helm.sh/helm/v4/cmd/helm",
        }
    }

    /// What the release builds of these programs set, and what `helm version` and the API server's version depend on.
    fn link_flags(self) -> &'static str {
        match self {
            Self::Controlplane => concat!(
                "-s -w -X k8s.io/component-base/version.gitVersion=v1.35.4",
                " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35"
            ),
            Self::Helm3 => "-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0",
            Self::Helm4 => "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1",
            Self::Killproxy | Self::Webhook | Self::Readiness | Self::Merge => "-s -w",
        }
    }

    /// The path of the binary, which is built first if it is not in the cache.
    pub fn path(self) -> Result<PathBuf> {
        // Sources that are edited while the tests run must not change what they run, and asking Go takes its time.
        static KNOWN: [OnceLock<PathBuf>; Binary::ALL.len()] = [const { OnceLock::new() }; Binary::ALL.len()];
        let known = &KNOWN[self as usize];
        match known.get() {
            Some(path) => Ok(path.clone()),
            None => self.find_or_build().map(|path| known.get_or_init(|| path).clone()),
        }
    }

    fn find_or_build(self) -> Result<PathBuf> {
        let module = crate::testbed().join(self.name());
        let go = go_version(&module)?;
        let hash = self.hash(&module, &go).with_context(|| format!("cannot read {}", module.display()))?;
        let cache = cache_dir()?;
        let folder = cache.join(format!("{}-{hash}", self.name()));
        let file = folder.join(self.name());
        if file.exists() {
            return Ok(file);
        }
        fs::create_dir_all(&cache)?;
        let lock = File::create(cache.join(format!("{}.lock", self.name())))?;
        lock.lock()?;
        // Another process may have built it while this one waited.
        if !file.exists() {
            self.build(&module, &folder)?;
        }
        Ok(file)
    }

    fn hash(self, module: &Path, go: &str) -> io::Result<String> {
        let mut files = Vec::new();
        collect(module, &mut files)?;
        files.sort();
        let mut hash = Sha256::new();
        for part in [go, self.package(), self.link_flags()] {
            hash.update(part);
            hash.update([0]);
        }
        for file in files {
            let content = fs::read(&file)?;
            hash.update(file.strip_prefix(module).unwrap_or(&file).as_os_str().as_encoded_bytes());
            hash.update([0]);
            hash.update(content.len().to_le_bytes());
            hash.update(content);
        }
        Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    fn build(self, module: &Path, folder: &Path) -> Result<()> {
        let name = self.name();
        say(&format!("testbed: building {name} (once; kept in {})", folder.display()));
        let start = Instant::now();
        let partial = folder.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        let status = Command::new("go")
            .current_dir(module)
            .args(["build", "-trimpath", "-buildvcs=false", "-ldflags", self.link_flags(), "-o"])
            .arg(partial.join(name))
            .arg(self.package())
            .status()?;
        ensure!(status.success(), "go build of testbed/{name} failed: {status}");
        fs::rename(&partial, folder)?;
        say(&format!("testbed: built {name} in {} s", start.elapsed().as_secs()));
        Ok(())
    }
}

/// The files that can matter to `go build`: not the tests, which change more often than what they test.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if name != "testdata" && !name.starts_with('.') {
                collect(&entry.path(), files)?;
            }
        } else if !name.ends_with("_test.go") && !name.ends_with(".md") && !name.starts_with('.') {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn go_version(module: &Path) -> Result<String> {
    match Command::new("go").arg("version").current_dir(module).output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Ok(output) => bail!("`go version` failed: {}", String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && module.exists() => {
            bail!("the test bed is built with Go 1.26 or newer, and there is no `go` in PATH: see https://go.dev/dl")
        }
        Err(error) => Err(error).with_context(|| format!("cannot run `go version` in {}", module.display())),
    }
}

fn cache_dir() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("refloat-testbed"))
}

#[expect(clippy::print_stderr, reason = "a build of minutes must not look like a hanging test")]
fn say(text: &str) {
    eprintln!("{text}");
}
