//! Each kind of paste, and what becomes of it.

use std::slice::from_ref;

use refloat_core::observe::{Answer, Read, Revision, known};
use refloat_core::paste::{File, Named, Paste, missing};
use refloat_core::record::Driver;
use serde_json::{Value, json};

use crate::{
    HISTORY, HOOKS, MANIFEST, STATUS, list, live, observe, payload, read, read_named, record, states, told, unread,
};

const BOTH: [&str; 2] = ["shop/web 1 deployed", "shop/web 2 pending-upgrade"];

#[test]
fn records_in_every_wrapping() {
    let (one, two) = (record(1, "deployed"), record(2, "pending-upgrade"));
    let whole = list(&[one.clone(), two.clone()]);
    let yaml = |value: &Value| serde_saphyr::to_string(value).unwrap();
    let wrappings: [Vec<(&str, String)>; 7] = [
        vec![("records.json", whole.clone())],
        vec![("records.yaml", yaml(&serde_json::from_str(&whole).unwrap()))],
        vec![("one.json", one.to_string()), ("two.json", two.to_string())],
        vec![("both.json", format!("{one}\n{two:#}\n"))],
        vec![("items.json", json!([one, two]).to_string())],
        vec![("both.yaml", format!("{}---\n{}---\n# nothing\n", yaml(&one), yaml(&two)))],
        vec![("typed.json", json!({"kind": "SecretList", "apiVersion": "v1", "items": [one, two]}).to_string())],
    ];
    for files in wrappings {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let paste = read(&files);
        assert_eq!(told(&paste), (BOTH.map(str::to_owned).to_vec(), vec![]), "{files:?}");
        assert!(paste.stand_ins.is_empty());
        assert_eq!(paste.records[1].document().unwrap().status().as_deref(), Some("pending-upgrade"));
    }
}

#[test]
fn config_maps_hold_records_too_and_the_newer_of_two_counts() {
    let map = |status: &str, version: &str| {
        let mut map = record(1, status);
        map["kind"] = "ConfigMap".into();
        map["metadata"]["resourceVersion"] = version.into();
        map["data"]["release"] = payload(1, status).into();
        map
    };
    let paste = read(&[("a.json", &list(&[map("deployed", "12"), map("pending-install", "8")]))]);
    assert_eq!((paste.driver, told(&paste).0), (Driver::ConfigMap, vec!["shop/web 1 deployed".to_owned()]));
    assert!(paste.records[0].document().is_ok());
    let both = list(&[map("deployed", "1"), record(2, "failed"), record(3, "failed")]);
    let odd = "a.json line 1 holds ConfigMap shop/sh.helm.release.v1.web.v1, while most records are in Secrets: leave one of both out";
    assert_eq!(unread(&[("a.json", &both)]), [odd]);
}

#[test]
fn helms_words_stand_in_for_records() {
    let json = r#"[{"revision":1,"updated":"2026-11-21T15:02:12.9Z","status":"deployed","chart":"app-1.0.0","app_version":"1.0","description":"Install complete"},{"revision":2,"updated":"2026-11-21T15:02:15.5Z","status":"pending-upgrade","chart":"app-1.0.0","app_version":"1.0","description":"Preparing upgrade"}]"#;
    let yaml = "- {revision: 1, updated: \"2026-11-21T15:02:12.9Z\", status: deployed, chart: app-1.0.0, description: Install complete}\n- {revision: 2, updated: \"2026-11-21T15:02:15.5Z\", status: pending-upgrade, chart: app-1.0.0, description: Preparing upgrade}\n";
    let spaces = HISTORY.replace('\t', "   ");
    for text in [HISTORY, json, yaml, &spaces] {
        let paste = read(&[("history.txt", text), ("status.txt", STATUS)]);
        assert_eq!(told(&paste), (BOTH.map(str::to_owned).to_vec(), vec![]), "{text}");
        assert_eq!(paste.stand_ins.len(), 2);
        let newest = Revision::open(&paste.records[1]).unwrap();
        assert_eq!(
            (newest.opened.status.as_str(), newest.opened.description.as_str()),
            ("pending-upgrade", "Preparing upgrade")
        );
        let time = newest.opened.last_deployed;
        // Helm's table names no zone.
        assert_eq!(time.as_deref(), (!text.starts_with("REVISION")).then_some("2026-11-21T15:02:15.5Z"));
        let chart = newest.release.chart.unwrap().metadata.unwrap();
        assert_eq!((chart.name.as_str(), chart.version.as_str()), ("app", "1.0.0"));
    }
}

#[test]
fn manifests_and_hooks_belong_to_the_newest_revision_or_the_one_named() {
    let old = MANIFEST.replace("kind: ConfigMap", "kind: Service");
    let transcript =
        format!("$ helm history web -n shop\n{HISTORY}\n$ helm get manifest web -n shop --revision 1\n{old}");
    let by_name = [("h.txt", HISTORY), ("manifest.revision-1.yaml", &old), ("m.yaml", MANIFEST), ("k.yaml", HOOKS)];
    let by_command = [("all.txt", transcript.as_str()), ("manifest.yaml", MANIFEST), ("hooks.yaml", HOOKS)];
    let named = Named { release: Some("web"), namespace: Some("shop") };
    for files in [&by_name[..], &by_command[..]] {
        let paste = read_named(files, named);
        assert_eq!(told(&paste), (BOTH.map(str::to_owned).to_vec(), vec![]));
        let opened: Vec<_> = paste.records.iter().map(|record| Revision::open(record).unwrap()).collect();
        let kinds = |at: usize| opened[at].objects.iter().map(|object| object.kind.as_str()).collect::<Vec<_>>();
        assert_eq!((kinds(0), kinds(1)), (vec!["Service", "Deployment"], vec!["ConfigMap", "Deployment"]));
        let (hook, object) = opened[1].hooks_of("pre-upgrade")[0];
        assert_eq!(
            (hook.weight, hook.path.as_str(), object.unwrap().name.as_str()),
            (-5, "app/templates/hooks.yaml", "web-pre")
        );
    }
}

#[test]
fn get_all_and_status_as_data_hold_everything() {
    let all = STATUS.replace(
        "NOTES:\n",
        &format!(
            "USER-SUPPLIED VALUES:\na: 1\n\nCOMPUTED VALUES:\na: 1\n\nHOOKS:\n{HOOKS}MANIFEST:\n{MANIFEST}\nNOTES:\n"
        ),
    );
    let data = json!({
        "name": "web", "namespace": "shop", "version": 2, "manifest": MANIFEST, "config": {"a": 1},
        "info": {"status": "pending-upgrade", "description": "Preparing upgrade", "deleted": ""},
        "hooks": [{"name": "web-pre", "kind": "Job", "manifest": HOOKS, "events": ["pre-upgrade"], "last_run": {"phase": ""}}]
    });
    for text in [all, data.to_string(), serde_saphyr::to_string(&data).unwrap()] {
        let paste = read(&[("web.txt", &text)]);
        assert_eq!(told(&paste), (vec![BOTH[1].to_owned()], vec![]), "{text}");
        let newest = Revision::open(&paste.records[0]).unwrap();
        assert_eq!((newest.objects.len(), newest.release.hooks.len()), (2, 1));
    }
}

#[test]
fn which_release_is_told_by_the_command_the_file_or_the_caller() {
    let other = STATUS.replace("web", "web-api");
    let states = [("a.txt", STATUS), ("b.txt", other.as_str())];
    let with = |name| [states[0], states[1], (name, HISTORY)];
    let lost = "h.txt line 1 doesn't say which release it is of: put the release's name into the file's name";
    assert_eq!(unread(&with("h.txt")), [lost, lost], "one row each");
    let records = |files: &[(&str, &str)], named| told(&read_named(files, named)).0;
    // The file web-api holds both names between signs that aren't letters: it isn't clear.
    assert_eq!(records(&with("history.web.txt"), Named::default()).len(), 3);
    let caller = Named { release: Some("web"), namespace: None };
    assert_eq!(records(&with("h.txt"), caller), [BOTH[0], BOTH[1], "shop/web-api 2 pending-upgrade"]);
    let command = format!("$ helm history web-api -n shop\n{HISTORY}");
    assert_eq!(records(&[states[0], states[1], ("h.txt", &command)], Named::default()).len(), 3);
    let nowhere = unread(&[("h.txt", &format!("helm history web\n{HISTORY}"))]);
    assert_eq!(nowhere[0], "h.txt line 2 doesn't say which namespace it is of: name it by -n");
}

#[test]
fn records_without_payloads_keep_their_status() {
    let mut bare = record(2, "pending-upgrade");
    bare.as_object_mut().unwrap().remove("data");
    let paste = read(&[("a.json", &list(&[record(1, "deployed"), bare])), ("h.txt", HISTORY)]);
    assert_eq!(told(&paste), (BOTH.map(str::to_owned).to_vec(), vec![]));
    assert_eq!(paste.stand_ins.len(), 1);
    assert_eq!(Revision::open(&paste.records[1]).unwrap().opened.description, "Preparing upgrade");
}

#[test]
fn what_isnt_pasted_is_unknown_and_what_a_whole_list_lacks_is_absent() {
    let unknown = "it isn't among the files given";
    let records = list(&[record(1, "deployed"), record(2, "pending-upgrade")]);
    let seen = |name: &str, text: &str| states(&observe(&read(&[("records.json", &records), (name, text)])));
    let app = || json!({"app": "web"});
    let pod = live("v1", "Pod", "web-1", &app());
    let map = live("v1", "ConfigMap", "kube-root-ca.crt", &Value::Null);
    let both = [format!("ConfigMap {unknown}"), format!("Deployment {unknown}")];
    assert_eq!(seen("x.json", &list(&[pod.clone(), map.clone()])), both, "nobody knows what was asked for");
    assert_eq!(seen("all.json", &list(from_ref(&pod))), both, "by a label, for all that is known");
    assert_eq!(seen("all.json", &list(&[])), both, "of another namespace, for all that is known");
    let whole = list(&[pod.clone(), map]);
    assert_eq!(seen("all.json", &whole), ["ConfigMap absent", "Deployment absent"]);
    let typed = |command: &str| format!("$ {command}\n{}", list(from_ref(&pod)));
    assert_eq!(seen("t.txt", &typed("kubectl get all -n shop -o json")), [both[0].as_str(), "Deployment absent"]);
    assert_eq!(seen("t.txt", &typed("kubectl get deploy,cm -A -o json")), ["ConfigMap absent", "Deployment absent"]);
    assert_eq!(seen("t.txt", &typed("kubectl get all -n other -o json")), both);
    assert_eq!(seen("all.json", &typed("kubectl get all -n shop -l app=web -o json")), both);
    let cut = whole.replace("\"metadata\": {}", "\"metadata\": {\"continue\": \"token\"}");
    assert_eq!(seen("all.json", &cut), both, "there is more");
    let deployment = live("apps/v1", "Deployment", "web", &app());
    assert_eq!(seen("x.json", &deployment.to_string()), [both[0].as_str(), "Deployment found"]);
}

#[test]
fn lists_are_chosen_by_label_and_namespace() {
    let pods = [live("v1", "Pod", "a", &json!({"app": "web"})), live("v1", "Pod", "b", &json!({"app": "db"}))];
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "shop", "uid": "e"},
        "note": "pulling", "regarding": {"kind": "Pod", "name": "a"}, "deprecatedLastTimestamp": "2026-11-21T15:30:00Z"
    });
    let paste = read(&[("x.json", &list(&[pods[0].clone(), pods[1].clone(), event]))]);
    let names = |read: &Read| match paste.answer(read) {
        Answer::Found(list) => {
            list["items"].as_array().unwrap().iter().map(|it| it["metadata"]["name"].to_string()).collect()
        }
        other => vec![format!("{other:?}")],
    };
    assert_eq!(names(&Read::list(&known::pods(), "shop", "app=web")), ["\"a\""]);
    assert_eq!(names(&Read::list(&known::pods(), "", "")), ["\"a\"", "\"b\""]);
    let failed = "Failed(\"it isn't among the files given\")";
    assert_eq!(names(&Read::list(&known::pods(), "shop", "app=x")), [failed]);
    assert_eq!(names(&Read::list(&known::pods(), "other", "")), [failed]);
    assert_eq!(names(&Read::list(&known::quotas(), "shop", "")), [failed]);
    let Answer::Found(events) = paste.answer(&Read::list(&known::events(), "shop", "")) else { panic!("no events") };
    assert_eq!(events["items"][0]["message"], "pulling");
    assert_eq!(events["items"][0]["involvedObject"]["name"], "a");
    let empty = read(&[("events.yaml", "apiVersion: v1\nitems: []\nkind: List\n")]);
    assert!(matches!(empty.answer(&Read::list(&known::events(), "shop", "")), Answer::Found(_)));
}

#[test]
fn logs_are_told_by_their_names_or_commands() {
    let command = "$ kubectl logs web-2 -n shop -c app\nsecond\n";
    let paste = read(&[("web-1.app.previous.log", "first\n"), ("t.txt", command)]);
    let log = |pod: &str, previous: bool| {
        let (namespace, pod, container) = ("shop".to_owned(), pod.to_owned(), "app".to_owned());
        paste.answer(&Read::Log { namespace, pod, container, previous })
    };
    assert_eq!(log("web-1", true), Answer::Found("first\n".into()));
    assert_eq!(log("web-2", false), Answer::Found("second\n".into()));
    assert!(matches!(log("web-1", false), Answer::Failed(_)));
}

#[test]
fn the_present_is_the_newest_time_that_anything_tells() {
    let expires = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "a", "namespace": "shop", "uid": "a", "creationTimestamp": "2026-11-21T15:00:00Z",
        "deletionTimestamp": "2030-01-01T00:00:00Z"
    }, "status": {"notAfter": "2031-01-01T00:00:00Z", "conditions": [{"lastTransitionTime": "2026-11-21T15:07:00Z"}]}});
    let text = expires.to_string();
    let read = |modified: Option<&str>| {
        let modified = modified.map(|at| at.parse().unwrap());
        Paste::read(&[File { name: "a.json", text: &text, modified }], Named::default()).clock.unwrap().to_string()
    };
    assert_eq!(read(None), "seen as of 2026-11-21T15:07:00Z, the newest time in the files");
    assert_eq!(read(Some("2026-11-20T00:00:00Z")), "seen as of 2026-11-21T15:07:00Z, the newest time in the files");
    assert_eq!(read(Some("2026-11-21T15:09:00.5Z")), "seen as of 2026-11-21T15:09:00Z, when a.json was written");
    assert_eq!(Paste::read(&[], Named::default()).clock, None);
}

#[test]
fn what_is_missing_comes_with_the_command_that_gets_it() {
    let paste = read(&[("history.txt", HISTORY), ("status.txt", STATUS)]);
    let commands =
        |paste: &Paste| -> Vec<String> { missing(paste, &observe(paste)).into_iter().map(|one| one.command).collect() };
    assert_eq!(
        commands(&paste),
        [
            "kubectl get secrets -n shop -l owner=helm,name=web -o json > records.json",
            "helm get manifest web -n shop > manifest.yaml",
            "helm get manifest web -n shop --revision 1 > manifest.revision-1.yaml",
            "helm history web -n shop -o json > history.json",
            "helm get hooks web -n shop > hooks.yaml",
            "kubectl get leases,limits,quota -n shop -o yaml --show-managed-fields > leases,limits,quota.yaml",
            "kubectl get events -n shop -o yaml > events.yaml",
            "kubectl get apiservices,mutatingwebhookconfigurations,ns,validatingwebhookconfigurations -o yaml > apiservices,ns,webhooks.yaml",
        ]
    );
    let without = [("history.txt", HISTORY), ("status.txt", STATUS), ("hooks.yaml", "\n")];
    let command = [("history.txt", HISTORY), ("status.txt", STATUS), ("t.txt", "$ helm get hooks web\n$ ")];
    for files in [without, command] {
        assert!(commands(&read(&files)).iter().all(|command| !command.contains("get hooks")), "there are none");
    }
    let paste = read(&[("r.json", &list(&[record(1, "deployed"), record(2, "pending-upgrade")]))]);
    let first = &commands(&paste)[0];
    let expected = "kubectl get all,cm,leases,limits,quota -n shop -o yaml --show-managed-fields > all,cm,leases,limits,quota.yaml";
    assert_eq!(first, expected);
}
