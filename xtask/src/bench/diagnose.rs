//! `diagnose` on a release of 100 objects that a Helm was killed in, and on a bundle of one of 1,000: time, memory, CPU.
use super::measure::{measure, memory, time};
use crate::say;
use anyhow::{Context as _, Result, ensure};
use bed::{Bed, Major, Mode, Namespace};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

/// What a diagnosis of 100 objects may take, and of a bundle of 1,000 in CPU.
const LIVE: Duration = Duration::from_secs(2);
const BUNDLE: Duration = Duration::from_millis(500);

/// Deployments, Services and ConfigMaps, a third each.
const TEMPLATE: &str = r#"{{- range $i := until (int .Values.count) }}
---
{{- if eq (mod $i 3) 0 }}
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ $.Release.Name }}-{{ $i }}"}
data: {version: "{{ $.Values.version }}"}
{{- else if eq (mod $i 3) 1 }}
apiVersion: v1
kind: Service
metadata: {name: "{{ $.Release.Name }}-{{ $i }}"}
spec: {selector: {app: "{{ $i }}"}, ports: [{port: 80}]}
{{- else }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ $.Release.Name }}-{{ $i }}"}
spec:
  replicas: 0
  selector: {matchLabels: {app: "{{ $i }}"}}
  template:
    metadata: {labels: {app: "{{ $i }}"}}
    spec: {containers: [{name: app, image: "registry.example/app:{{ $.Values.version }}"}]}
{{- end }}
{{- end }}
"#;

/// Makes both, measures, prints.
pub fn run(refloat: &Path, runs: usize) -> Result<()> {
    let bed = super::bed()?;
    let chart = bed.address.dir.join("many");
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: many\nversion: 1.0.0\n")?;
    fs::write(chart.join("templates/all.yaml"), TEMPLATE)?;
    let chart = chart.to_string_lossy().into_owned();

    let ns = interrupted(&bed, &chart, 100)?;
    let command = || -> Result<Command> {
        // 3 means that something was found, which it was.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("'{}' diagnose many -o json; test $? = 3", refloat.display())]);
        ns.set_env(&mut command)?;
        Ok(command)
    };
    let cost = measure("refloat diagnose", runs.max(3) * 3, command)?;
    say("| what | time | peak memory |\n|---|---|---|")?;
    say(&format!("| diagnose, 100 objects, on the cluster | {} | {} |", time(cost.median()), memory(cost.memory)))?;
    ensure!(cost.median() < LIVE, "that is more than {}", time(LIVE));

    let ns = interrupted(&bed, &chart, 1000)?;
    let file = bed.address.dir.join("many.bundle");
    let mut saved = Command::new(refloat);
    saved.args(["bundle", "many", "-o"]).arg(&file);
    ns.set_env(&mut saved)?;
    let began = Instant::now();
    ensure!(saved.output()?.status.success(), "the bundle can't be taken");
    say(&format!("| bundle, 1,000 objects | {} | |", time(began.elapsed())))?;
    let mut times = Vec::new();
    for _ in 0..runs.max(3) {
        let mut command = Command::new(refloat);
        command.args(["diagnose", "many", "-o", "json", "--bundle"]).arg(&file).stdout(std::process::Stdio::null());
        ns.set_env(&mut command)?;
        command.env_remove("KUBECONFIG");
        let used = command.spawn()?.wait4()?;
        ensure!(used.status.code() == Some(3), "it ended with {}", used.status);
        times.push(used.rusage.utime + used.rusage.stime);
    }
    times.sort();
    let cpu = times.get(times.len() / 2).copied().context("no run")?;
    say(&format!("| diagnose of that bundle, CPU | {} | |", time(cpu)))?;
    ensure!(cpu < BUNDLE, "that is more than {}", time(BUNDLE));
    Ok(())
}

/// A release of so many objects, whose upgrade was killed half-way.
fn interrupted<'b>(bed: &'b Bed, chart: &str, count: u32) -> Result<Namespace<'b>> {
    let ns = bed.namespace(&format!("many-{count}"))?;
    let count_flag = format!("count={count}");
    ns.helm(Major::V4, ["install", "many", chart, "--set", &count_flag, "--set", "version=1"])?.ok()?;
    let upgrade = ["upgrade", "many", chart, "--set", &count_flag, "--set", "version=2"];
    ns.kill_at(Major::V4, count / 3, Mode::KillAfter, upgrade)?.sure()?;
    Ok(ns)
}
