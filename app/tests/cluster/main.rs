//! Refloat against a real control plane and real Helms. One binary, so that all tests share one bed; each has namespaces of
//! its own and they run side by side.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests are tests")]

mod asking;
mod bundle;
mod canary;
mod damage;
mod decisions;
mod diff;
mod dry_apply;
mod edited;
mod errors;
mod kubeconfig;
mod leaves;
mod left_behind;
mod losses;
mod oddities;
mod parity;
mod pasted;
mod policy;
mod record;
mod repairs;
mod rescue;
mod restarted;
mod restore;
mod returned;
mod rights;
mod saved;
mod seeing;
mod sql;
mod trouble;
mod values;
mod ways;
mod ways_each;
mod ways_faults;
mod ways_hooks;
mod ways_last;
mod ways_race;
mod ways_refused;
mod ways_reinstall;
mod ways_replace;
mod ways_unblock;
mod ways_versions;
mod woken;

use std::ffi::OsStr;
use std::process::Command;
use std::sync::Once;

use bed::{Bed, Driver, Major, Namespace, chart};
use serde_json::Value;

/// Every driver with every Helm.
pub fn everywhere() -> impl Iterator<Item = (Driver, Major)> {
    [Driver::Secret, Driver::ConfigMap, Driver::Sql]
        .into_iter()
        .flat_map(|driver| Major::BOTH.map(|major| (driver, major)))
}

/// A fresh namespace whose Helm uses this driver. Helms that make the database's tables at the same time fail, so one makes
/// them first.
pub fn namespace(prefix: &str, driver: Driver) -> Namespace<'static> {
    static TABLES: Once = Once::new();
    let ns = Bed::shared().namespace(prefix).unwrap().driver(driver);
    if driver == Driver::Sql {
        TABLES.call_once(|| drop(ns.helm3(["list"]).unwrap().ok().unwrap()));
    }
    ns
}

/// Does the same for each of them, side by side.
pub fn each<T: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.into_iter().map(|item| scope.spawn(|| work(item))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    });
}

/// What a run of refloat gave.
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

/// Runs refloat as a user of this namespace would, its state folder inside the bed's.
pub fn refloat<I: IntoIterator<Item: AsRef<OsStr>>>(ns: &Namespace<'_>, args: I) -> Ran {
    refloat_with(ns, args, |_| {})
}

/// The same with another environment.
pub fn refloat_with<I: IntoIterator<Item: AsRef<OsStr>>>(
    ns: &Namespace<'_>,
    args: I,
    change: impl FnOnce(&mut Command),
) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refloat"));
    command.args(args);
    environment(ns, &mut command);
    change(&mut command);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The environment of this namespace's user.
pub fn environment(ns: &Namespace<'_>, command: &mut Command) {
    ns.set_env(command).unwrap();
    command
        .env("XDG_STATE_HOME", ns.bed.address.dir.join("refloat").join(&ns.name))
        .env("XDG_CONFIG_HOME", ns.bed.address.dir.join("config").join(&ns.name))
        .env_remove("REFLOAT_POLICY")
        .env("USER", "ada")
        .env("HOSTNAME", "laptop")
        .env("TZ", "UTC");
}

/// The same, its answer as JSON.
pub fn refloat_json<I: IntoIterator<Item: AsRef<OsStr>>>(ns: &Namespace<'_>, args: I) -> Value {
    let output = refloat(ns, args);
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", output.stdout, output.stderr))
}

/// `helm install` of the big chart, quick: no hooks, no workload to wait for.
pub fn install(ns: &Namespace<'_>, major: Major, name: &str, more: &[&str]) {
    let chart = chart("tiny");
    let args = ["install", name, &chart].into_iter().chain(more.iter().copied());
    ns.helm(major, args).unwrap().ok().unwrap();
}
