//! Images, crashes, probes, configuration.

use super::*;

#[test]
fn an_image_that_cant_be_pulled_is_named_with_the_registrys_answer() {
    let table = [
        (
            "ImagePullBackOff",
            "Back-off pulling image \"registry.example/web:2\"",
            "Failed to pull image \"registry.example/web:2\": rpc error: code = NotFound desc = failed to pull and unpack image: not found",
            "not found",
        ),
        (
            "ErrImagePull",
            "pull access denied, repository does not exist or may require authorization",
            "",
            "access denied",
        ),
        ("ErrImagePull", "dial tcp: lookup registry.example: no such host", "", "the registry can't be reached"),
        (
            "ErrImagePull",
            "toomanyrequests: You have reached your pull rate limit",
            "",
            "the registry's rate limit is reached",
        ),
        ("ErrImagePull", "no match for platform in manifest", "", "not built for the node's platform"),
        (
            "ErrImagePull",
            "tls: failed to verify certificate: x509: unknown authority",
            "",
            "the registry's certificate isn't accepted",
        ),
        ("InvalidImageName", "couldn't parse image reference", "", "no valid image name"),
        (
            "ErrImageNeverPull",
            "Container image is not present with pull policy of Never",
            "",
            "not on the node, and imagePullPolicy is Never",
        ),
    ];
    for (reason, message, told, why) in table {
        let pod = pod(&json!({"state": {"waiting": {"reason": reason, "message": message}}}));
        let world = waiting_for(pod.clone()).with([
            event(&pod, "Failed", told, 2),
            event(&pod, "BackOff", "Back-off pulling image \"registry.example/web:2\"", 1),
        ]);
        let cause = world.top();
        assert_eq!(cause.code, "image-pull", "{cause:?}");
        assert_eq!(cause.summary, format!("deployment/web: image registry.example/web:2 can't be pulled ({why})"));
        assert_eq!(cause.command, "kubectl describe pod web-2-abcde -n shop");
        assert!(cause.remedy.contains("refloat fix web -n shop"), "{}", cause.remedy);
        assert!(cause.evidence[0].contains(message), "{:?}", cause.evidence);
    }
}

#[test]
fn pods_of_one_workload_are_one_cause() {
    let waits = json!({"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}});
    let second = with(pod(&waits), &json!({"metadata": {"name": "web-2-fghij", "uid": "p3"}}));
    let causes = waiting_for(pod(&waits)).with([second]).causes();
    let pulls: Vec<_> = causes.iter().filter(|cause| cause.code == "image-pull").collect();
    assert_eq!(pulls.len(), 1);
    assert!(pulls[0].summary.ends_with("(not found), in 2 pods"), "{}", pulls[0].summary);
}

#[test]
fn pods_of_the_template_before_and_of_others_arent_blamed() {
    let waits = json!({"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}});
    let running = pod(&json!({"state": {"running": {"startedAt": ago(1)}}}));
    let before = with(
        pod(&waits),
        &json!({"metadata": {"name": "web-1-x", "uid": "p9",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1", "uid": "s1"}]}}),
    );
    let other = with(
        pod(&waits),
        &json!({"metadata": {"name": "other-x", "uid": "p8",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "other-1", "uid": "s8"}]}}),
    );
    assert!(!waiting_for(running).with([before, other]).codes().contains(&"image-pull"));
}

#[test]
fn a_crash_names_its_exit_code_reason_and_last_words() {
    let back_off =
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}});
    let ended =
        |code: i64, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": ago(2)}});
    let table = [
        (ended(1, "Error"), "container app ended with exit code 1 2m ago, and was restarted 4 times"),
        (
            ended(137, "OOMKilled"),
            "container app was killed for lack of memory (OOMKilled, limit 64Mi) 2m ago, and was restarted 4 times",
        ),
        (
            ended(0, "Completed"),
            "container app ends by itself with exit code 0 2m ago, and is to keep running, and was restarted 4 times",
        ),
    ];
    for (last, says) in table {
        let pod = with(
            pod(&json!({"restartCount": 4, "state": back_off, "lastState": last})),
            &json!({"spec": {"containers": [{"name": "app", "image": "i", "resources": {"limits": {"memory": "64Mi"}}}]}}),
        );
        let cause = waiting_for(pod).log("web-2-abcde", "app", "starting\npassword=hunter2 refused\n").top();
        assert_eq!((cause.code, cause.summary), ("crash-loop", format!("deployment/web: {says}")));
        assert_eq!(cause.command, "kubectl logs web-2-abcde -n shop -c app --previous");
        assert!(cause.evidence.iter().any(|line| line == "log of app: starting"), "{:?}", cause.evidence);
        assert!(cause.evidence.iter().all(|line| !line.contains("hunter2")), "{:?}", cause.evidence);
    }
}

#[test]
fn what_restarts_between_two_crashes_crashes_and_what_is_ready_again_doesnt() {
    let last = json!({"terminated": {"exitCode": 2, "reason": "Error", "finishedAt": ago(3)}});
    let running = json!({"running": {"startedAt": ago(1)}});
    let between = pod(&json!({"restartCount": 3, "state": running, "lastState": last}));
    assert_eq!(waiting_for(between).top().code, "crash-loop");
    let once = pod(&json!({"restartCount": 1, "state": running, "lastState": last}));
    assert!(!waiting_for(once).codes().contains(&"crash-loop"));
    let ready = with(
        pod(&json!({"restartCount": 9, "ready": true, "state": running, "lastState": last})),
        &json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}),
    );
    assert!(!waiting_for(ready).codes().contains(&"crash-loop"));
}

#[test]
fn an_init_container_and_a_command_that_isnt_there_are_named() {
    let init = with(
        pod(&json!({"state": {"waiting": {"reason": "PodInitializing"}}})),
        &json!({"status": {
            "initContainerStatuses": [{"name": "wait-for-db", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}],
        }}),
    );
    let says = "deployment/web: init container wait-for-db ended with exit code 3, and was restarted 2 times";
    assert_eq!(waiting_for(init).top().summary, says);
    let message = "exec: \"/run.sh\": stat /run.sh: no such file or directory: unknown";
    let start = pod(&json!({"restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 128, "reason": "StartError", "message": message}}}));
    let cause = waiting_for(start).top();
    assert!(cause.summary.contains(&format!("container app can't be started ({message})")), "{}", cause.summary);
    assert_eq!(cause.command, "kubectl describe pod web-2-abcde -n shop");
}

#[test]
fn a_probe_is_blamed_by_its_events_or_once_its_time_is_over() {
    let started = |minutes: i64| {
        with(pod(&json!({"state": {"running": {"startedAt": ago(minutes)}}})), &json!({"status": {"phase": "Running"}}))
    };
    let unhealthy = "Readiness probe failed: HTTP probe failed with statuscode: 503";
    let failing = started(3);
    let cause = waiting_for(failing.clone()).with([event(&failing, "Unhealthy", unhealthy, 1)]).top();
    assert_eq!(cause.summary, "deployment/web: readiness probe of container app fails; started 3m ago");
    assert_eq!(cause.evidence[0], format!("Unhealthy 60s ago, 3 times: {unhealthy}"));

    // Nothing but a probe that has had its time keeps it from being ready.
    let probe =
        json!({"spec": {"containers": [{"name": "app", "image": "i", "readinessProbe": {"initialDelaySeconds": 5}}]}});
    let cause = waiting_for(with(started(3), &probe)).top();
    assert_eq!((cause.code, cause.confidence.to_string().as_str()), ("probe-failing", "likely"));
    // One that has a minute and a half yet, and one of which nothing is known, are given time.
    let patient = json!({"spec": {"containers": [{"name": "app", "image": "i", "startupProbe": {"periodSeconds": 10, "failureThreshold": 27}}]}});
    assert_eq!(waiting_for(with(started(3), &patient)).codes(), ["slow-rollout"]);
    assert_eq!(waiting_for(started(3)).codes(), ["slow-rollout"]);
}

#[test]
fn a_container_that_its_probe_kills_is_no_crash() {
    let pod = pod(&json!({"restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": ago(1)}}}));
    let world = waiting_for(pod.clone()).with([
        event(&pod, "Unhealthy", "Liveness probe failed: Get \"http://10.0.0.1/\": connection refused", 1),
        event(&pod, "Killing", "Container app failed liveness probe, will be restarted", 1),
    ]);
    assert_eq!(world.top().code, "probe-failing");
    assert!(
        world.top().summary.contains("liveness probe of container app fails, so it is restarted"),
        "{}",
        world.top().summary
    );
    assert!(!world.codes().contains(&"crash-loop"));
}

#[test]
fn missing_configuration_is_named_however_the_kubelet_says_it() {
    let table = [
        ("secret \"db\" not found", "secret db"),
        ("configmap \"settings\" not found", "configmap settings"),
        ("couldn't find key url in Secret shop/db", "key url in secret db"),
        ("couldn't find key url in ConfigMap shop/settings", "key url in configmap settings"),
    ];
    for (message, what) in table {
        let pod = pod(&json!({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": message}}}));
        let cause = waiting_for(pod).top();
        assert_eq!(cause.summary, format!("deployment/web: {what} isn't there, and its pods need it"));
        assert_eq!(cause.code, "config-missing");
    }
    let creating = pod(&json!({"state": {"waiting": {"reason": "ContainerCreating"}}}));
    let mount = "MountVolume.SetUp failed for volume \"certs\" : secret \"tls\" not found";
    let world = waiting_for(creating.clone()).with([event(&creating, "FailedMount", mount, 1)]);
    assert_eq!(world.top().summary, "deployment/web: secret tls isn't there, and its pods need it");
    assert!(!world.codes().contains(&"volume-mount"));
    // Once it runs, the mount has succeeded since.
    let running =
        with(pod(&json!({"state": {"running": {"startedAt": ago(1)}}})), &json!({"status": {"phase": "Running"}}));
    let passed = waiting_for(running).with([event(&creating, "FailedMount", mount, 2)]);
    assert!(!passed.codes().contains(&"config-missing"));
}

#[test]
fn a_root_image_under_run_as_non_root_is_a_matter_of_security() {
    let message = "container has runAsNonRoot and image will run as root (pod: \"web\", container: app)";
    let pod = pod(&json!({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": message}}}));
    assert_eq!(waiting_for(pod).top().code, "pod-security");
}
