//! A running bed: the supervisor process and what it told about itself.
use crate::{Api, Binary, Namespace};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

/// Whether a bed has PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Postgres {
    /// No.
    No,
    /// Yes, or the start fails.
    Yes,
    /// If it is installed.
    #[default]
    Auto,
}

/// How a bed is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether PostgreSQL runs too.
    pub postgres: Postgres,
    /// The folder for everything the bed writes; must not exist. A temporary one if not set.
    pub dir: Option<PathBuf>,
}

/// Where a bed's parts are: the line its supervisor prints, and the content of its `bed.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// The folder of everything the bed writes.
    pub dir: PathBuf,
    /// An administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The API server's URL.
    pub server: String,
    /// The authority that signed the API server's certificate.
    pub ca_file: PathBuf,
    /// An administrator's bearer token.
    pub token: String,
    /// PostgreSQL's connection string, if it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<String>,
    /// The name of the node.
    pub node: String,
    /// The supervisor's process id.
    pub pid: u32,
    /// The components' process ids by name.
    pub pids: BTreeMap<String, u32>,
}

/// A running bed. It ends when this is dropped, or with this process.
#[derive(Debug)]
pub struct Bed {
    /// Where its parts are.
    pub address: Address,
    /// The API, with an administrator's rights.
    pub api: Api,
    // Its standard input is the supervisor's lifeline: the kernel closes it however this process ends.
    supervisor: Option<Child>,
}

impl Bed {
    /// The bed of this process, started on first use. `REFLOAT_BED` can name the `bed.json` of one that runs already,
    /// which is used instead.
    ///
    /// # Panics
    /// If the bed doesn't start: no test can go on without it.
    #[must_use]
    #[expect(clippy::panic, reason = "a test that cannot have its bed has failed, and says so in its first line")]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Bed, String>> = OnceLock::new();
        let start = || match env::var_os("REFLOAT_BED").filter(|path| !path.is_empty()) {
            Some(path) => Self::attach(Path::new(&path)),
            None => Self::start(&Options::default()),
        };
        match SHARED.get_or_init(|| start().map_err(|error| format!("{error:#}"))) {
            Ok(bed) => bed,
            Err(error) => panic!("there is no test bed: {error}"),
        }
    }

    /// A bed of its own.
    pub fn start(options: &Options) -> Result<Self> {
        let mut child = up(options)?.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("no standard error")?;
        // Drained all the time, so that the supervisor never blocks on it.
        let complaints = thread::spawn(move || {
            let mut text = String::new();
            BufReader::new(stderr).read_to_string(&mut text).map(|_| text)
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no standard output")?).read_line(&mut line)?;
        if line.is_empty() {
            child.wait()?;
            let complaints = complaints.join().ok().and_then(Result::ok).unwrap_or_default();
            bail!("the bed did not start: {}", complaints.trim());
        }
        let address: Address = serde_json::from_str(&line).context("the supervisor's line")?;
        Ok(Self { api: Api::new(&address)?, address, supervisor: Some(child) })
    }

    /// A bed that runs already and goes on without this process.
    pub fn attach(json: &Path) -> Result<Self> {
        let text = fs::read_to_string(json).with_context(|| format!("cannot read {}", json.display()))?;
        let address: Address = serde_json::from_str(&text).with_context(|| format!("in {}", json.display()))?;
        let bed = Self { api: Api::new(&address)?, address, supervisor: None };
        bed.api.get("/readyz").with_context(|| format!("the bed of {} does not run", json.display()))?;
        Ok(bed)
    }

    /// Starts a bed that outlives this process; its supervisor is stopped with SIGTERM.
    pub fn start_detached(options: &Options) -> Result<Self> {
        let output = up(options)?.arg("--detach").stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let address: Address = serde_json::from_slice(&output.stdout).context("the supervisor's line")?;
        Ok(Self { api: Api::new(&address)?, address, supervisor: None })
    }

    /// A fresh namespace, its name made unique, in which pods can be created at once.
    pub fn namespace(&self, prefix: &str) -> Result<Namespace<'_>> {
        Namespace::create(self, &format!("{prefix}-{}", unique()))
    }

    /// A fresh namespace with exactly this name.
    pub fn namespace_named(&self, name: &str) -> Result<Namespace<'_>> {
        Namespace::create(self, name)
    }

    /// PostgreSQL's connection string, for Helm and for tokio-postgres alike.
    pub fn postgres(&self) -> Result<&str> {
        self.address
            .postgres
            .as_deref()
            .context("this bed has no PostgreSQL: install it (`apt-get install postgresql`), or start the bed with it")
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            let _ = supervisor.wait();
        }
    }
}

fn up(options: &Options) -> Result<Command> {
    let dir = options.dir.clone().unwrap_or_else(|| beds().join(format!("bed-{}", unique())));
    let mut command = Command::new(Binary::Controlplane.path()?);
    command.arg("up").arg("--dir").arg(dir).arg(match options.postgres {
        Postgres::No => "--postgres=no",
        Postgres::Yes => "--postgres=yes",
        Postgres::Auto => "--postgres=auto",
    });
    Ok(command)
}

/// The folder of all temporary beds of this user, which the supervisor keeps free of dead ones.
pub(crate) fn beds() -> PathBuf {
    env::temp_dir().join(format!("refloat-beds-{}", rustix::process::getuid().as_raw()))
}

/// A part of a name that no other process and no earlier run has used.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{:x}-{:x}-{}", millis & 0xfff_ffff, std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
