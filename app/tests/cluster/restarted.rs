//! The API server goes away in the middle of fixes and comes back: each ends clearly, and, run again, in the same state.

use std::time::Duration;

use bed::{Bed, Driver, Major, Namespace, SecondServer};

use crate::ways::{helm, helms_go_on, killed, statuses, unlocked};
use crate::{Ran, namespace, refloat_with};

/// An upgrade killed in front of its pre-upgrade hook, which takes some seconds.
fn stuck(major: Major) -> Namespace<'static> {
    let ns = namespace("restart", Driver::Secret);
    helm(&ns, major, "install", "version=1");
    let set = "version=2,hooks.pre.enabled=true,hooks.pre.behaviour=completes-after,hooks.pre.seconds=3";
    killed(&ns, major, "upgrade", set, "PUT~/secrets/sh.helm.release.v1.web.v2#1:kill-after");
    ns
}

/// Finishes it, by way of the second server.
fn resume(ns: &Namespace<'static>, server: &SecondServer<'_>) -> Ran {
    refloat_with(ns, ["fix", "web", "--with", "resume", "--yes", "--helm-is-gone"], |command| {
        command.env("KUBECONFIG", &server.kubeconfig);
    })
}

#[test]
fn an_api_server_that_restarts_loses_nothing() {
    let server = SecondServer::start(Bed::shared()).unwrap();
    // From before the lock is taken to after the hook.
    let begun = [0u64, 300, 800, 1500, 3000, 5500];
    let stages: Vec<_> =
        begun.iter().zip(Major::BOTH.into_iter().cycle()).map(|(begun, major)| (*begun, major, stuck(major))).collect();
    let last = begun.iter().max().copied().unwrap_or_default() + 200;
    let ran: Vec<Ran> = std::thread::scope(|scope| {
        let (shared, runs) = (&server, &stages);
        let running: Vec<_> = runs
            .iter()
            .map(|(begun, _, ns)| {
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(last - begun));
                    resume(ns, shared)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(last));
        shared.take_away().unwrap();
        running.into_iter().map(|run| run.join().unwrap()).collect()
    });
    server.bring_back().unwrap();
    let mut cut = 0;
    for (first, (begun, major, ns)) in ran.iter().zip(&stages) {
        let what = format!("{begun} ms: {:?}: {}", first.code, first.stderr);
        assert!(
            matches!(first.code, Some(0 | 5 | 8)) && (first.code == Some(0) || first.stderr.contains("error: ")),
            "{what}"
        );
        cut += usize::from(first.code != Some(0));
        if first.code != Some(0) {
            let again = resume(ns, &server);
            assert_eq!(again.code, Some(0), "{what}\nagain: {}", again.stderr);
        }
        unlocked(ns);
        assert_eq!(statuses(ns, *major), ["superseded", "deployed"], "{what}");
        helms_go_on(ns);
    }
    assert!(cut >= 2, "the server went away too late: {cut} of {} fixes were cut", ran.len());
}
