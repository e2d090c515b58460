//! A second API server on the bed's own store, as in a control plane of several: one that a test can take away and bring back.
use crate::Bed;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// For how long a start may take.
const STARTS: Duration = Duration::from_secs(60);

/// The server; killed when dropped, and with the bed.
#[derive(Debug)]
pub struct SecondServer<'b> {
    bed: &'b Bed,
    port: u16,
    args: Vec<String>,
    child: Mutex<Option<Child>>,
    /// A kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
}

impl<'b> SecondServer<'b> {
    /// Starts it, with the arguments of the bed's own but for the port.
    pub fn start(bed: &'b Bed) -> Result<Self> {
        let pid = bed.address.pids.get("kube-apiserver").context("the bed doesn't tell its API server")?;
        let line = fs::read(format!("/proc/{pid}/cmdline"))?;
        let mut args: Vec<String> = line
            .split(|byte| *byte == 0)
            .filter(|part| !part.is_empty())
            .map(|part| String::from_utf8_lossy(part).into())
            .collect();
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let place = args.iter().position(|arg| arg == "--secure-port").context("no --secure-port")? + 1;
        *args.get_mut(place).context("no port")? = port.to_string();
        let own = fs::read_to_string(&bed.address.kubeconfig)?;
        let url = format!("https://127.0.0.1:{port}");
        ensure!(own.contains(&bed.address.server), "the kubeconfig doesn't name {}", bed.address.server);
        let kubeconfig = bed.address.dir.join(format!("kubeconfig-{port}"));
        fs::write(&kubeconfig, own.replace(&bed.address.server, &url))?;
        let server = Self { bed, port, args, child: Mutex::default(), kubeconfig };
        server.bring_back()?;
        Ok(server)
    }

    /// Kills it, as a node that is lost takes it along.
    pub fn take_away(&self) -> Result<()> {
        let taken = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = taken {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts it again at the same address, and waits until it listens and is ready.
    pub fn bring_back(&self) -> Result<()> {
        let (program, args) = self.args.split_first().context("no command")?;
        let mut command = Command::new(program);
        command.args(args).env("REFLOAT_BED_DIR", &self.bed.address.dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(command.spawn()?);
        let deadline = Instant::now() + STARTS;
        while !self.is_ready() {
            ensure!(Instant::now() < deadline, "the second API server doesn't start");
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        let mut address = self.bed.address.clone();
        address.server = format!("https://127.0.0.1:{}", self.port);
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            && crate::Api::new(&address).is_ok_and(|api| api.get("/readyz").is_ok())
    }
}

impl Drop for SecondServer<'_> {
    fn drop(&mut self) {
        let _ended = self.take_away();
        let _removed = fs::remove_file(&self.kubeconfig);
    }
}
