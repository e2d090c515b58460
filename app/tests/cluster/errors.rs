//! Errors as a user meets them: one sentence, a hint, the right exit code; no dump, no trace, no secret.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bed::{Driver, Namespace};
use serde_json::json;

use crate::kubeconfig::{kubeconfig, server, written};
use crate::record::web;
use crate::{Ran, each, namespace, refloat, refloat_json, refloat_with};

/// Something that must never be shown.
const SECRET: &str = "hunter2-do-not-print";

/// That a run ended so: this exit code, nothing on stdout, and on stderr this sentence and this hint (if
/// one is given), each on a line of its own.
#[track_caller]
pub fn told(ran: &Ran, code: i32, sentence: &str, hint: &str) {
    let said = &ran.stderr;
    assert_eq!(ran.code, Some(code), "{said}");
    assert_eq!(ran.stdout, "");
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].contains(sentence) && !errors[0].ends_with('.'), "{said}");
    assert!(hint.is_empty() || said.lines().any(|line| line.starts_with("hint: ") && line.contains(hint)), "{said}");
    let known = ["error: ", "  because: ", "hint: ", "note: "];
    assert!(said.lines().all(|line| known.iter().any(|start| line.starts_with(start))), "{said}");
    for leak in [SECRET, "panicked", "Some(", "Err(", "::", " { "] {
        assert!(!said.contains(leak), "{leak}: {said}");
    }
}

/// `list` with this kubeconfig.
fn list(ns: &Namespace<'_>, kubeconfig: &Path) -> Ran {
    refloat_with(ns, ["list"], |command| {
        command.env("KUBECONFIG", kubeconfig);
    })
}

#[test]
fn a_kubeconfig_that_is_not_there_or_no_kubeconfig() {
    let ns = namespace("kubeconfig", Driver::Secret);
    told(&list(&ns, Path::new("/nonexistent/config")), 2, "/nonexistent/config doesn't exist", "KUBECONFIG");
    let home = tempfile::tempdir().unwrap();
    let bare = |command: &mut Command| {
        command.env_remove("KUBECONFIG").env("HOME", home.path());
    };
    told(&refloat_with(&ns, ["list"], bare), 2, ".kube/config doesn't exist", "KUBECONFIG");
    let given = refloat(&ns, ["list", "--kubeconfig", "/nonexistent/other"]);
    told(&given, 2, "/nonexistent/other doesn't exist", "--kubeconfig");

    let broken = format!("apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {{token: {SECRET}\ncontexts: 7\n");
    told(&list(&ns, &written(&ns, &broken)), 2, "isn't a kubeconfig: line", "KUBECONFIG");
    let odd = format!("apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {SECRET}\n");
    told(&list(&ns, &written(&ns, &odd)), 2, "isn't a kubeconfig: line 5", "KUBECONFIG");
    told(&list(&ns, &written(&ns, "")), 2, "no current context", "--context");
    let odd = kubeconfig(&ns, &server(&ns), &json!({"client-certificate-data": SECRET, "client-key-data": SECRET}));
    told(&list(&ns, &odd), 2, "client certificate", "KUBECONFIG");
}

#[test]
fn of_several_kubeconfigs_those_that_are_there_count() {
    let ns = namespace("several", Driver::Secret);
    let mut paths = std::ffi::OsString::from("/nonexistent/config:");
    paths.push(&ns.bed.address.kubeconfig);
    let ran = list(&ns, Path::new(&paths));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_context_that_is_not_there_and_those_that_are() {
    let ns = namespace("context", Driver::Secret);
    let config = kubeconfig(&ns, &server(&ns), &json!({"token": SECRET}));
    let unknown = refloat_with(&ns, ["list", "--context", "prod"], |command| {
        command.env("KUBECONFIG", &config);
    });
    told(&unknown, 2, "context \"prod\" doesn't exist in the kubeconfig", "there are: here");
}

#[test]
fn a_server_that_is_not_there_or_not_to_be_trusted() {
    let ns = namespace("unreachable", Driver::Secret);
    let token = json!({"token": SECRET});
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = Instant::now();
    let refused = list(&ns, &kubeconfig(&ns, &json!({"server": format!("https://{closed}")}), &token));
    told(&refused, 5, &format!("can't reach https://{closed}: connection refused"), "VPN");
    let unknown = list(&ns, &kubeconfig(&ns, &json!({"server": "https://nowhere.invalid"}), &token));
    told(&unknown, 5, "can't reach https://nowhere.invalid: ", "VPN");
    assert!(start.elapsed() < Duration::from_secs(5));

    let address = &ns.bed.address;
    let untrusted = list(&ns, &kubeconfig(&ns, &json!({"server": address.server}), &token));
    told(&untrusted, 5, "isn't trusted: invalid peer certificate: its issuer is unknown", "certificate-authority");
    let plain = address.server.replace("https://", "http://");
    told(&list(&ns, &kubeconfig(&ns, &json!({"server": plain}), &token)), 5, "HTTP request to an HTTPS server", "");
    let wrong = list(&ns, &kubeconfig(&ns, &server(&ns), &token));
    told(&wrong, 5, "doesn't accept the credentials", "log in again");
}

/// What a login command prints is a token as a rule, and so may be what a broken kubeconfig holds.
#[test]
fn a_login_that_gives_no_credential() {
    let ns = namespace("login", Driver::Secret);
    let login = |command: &str, script: &str| {
        let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": ["-c", script],
            "interactiveMode": "Never", "env": [{"name": "PASSWORD", "value": SECRET}]}});
        list(&ns, &kubeconfig(&ns, &server(&ns), &user))
    };
    let missing = login("no-such-login-tool", "");
    told(
        &missing,
        5,
        "can't log in: the login command no-such-login-tool can't be started: no such file",
        "log in again",
    );
    let failed = login("sh", "echo $PASSWORD; echo >&2; echo session expired, run login >&2; exit 3");
    told(&failed, 5, "can't log in: the login command sh failed: session expired, run login", "log in again");
    told(&login("sh", "echo token: $PASSWORD"), 5, "the login command sh gave no credential", "log in again");
    told(&login("sh", "echo '{' $PASSWORD"), 5, "the login command sh gave no credential", "log in again");
    let file = list(&ns, &kubeconfig(&ns, &server(&ns), &json!({"tokenFile": "/nonexistent/token"})));
    told(&file, 5, "can't log in: /nonexistent/token can't be read: no such file", "log in again");
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let ns = namespace("silent", Driver::Secret);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Takes every connection and what is sent, and says nothing, for as long as the other side stays.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || stream.map(|mut stream| stream.read_to_end(&mut Vec::new())));
        }
    });
    each(["http", "https"], |scheme| {
        let start = Instant::now();
        let config = kubeconfig(&ns, &json!({"server": format!("{scheme}://{address}")}), &json!({}));
        let ran = refloat_with(&ns, ["list", "--request-timeout", "2"], |command| {
            command.env("KUBECONFIG", config);
        });
        told(&ran, 5, "gave no answer in time", "--request-timeout");
        assert!(start.elapsed() < Duration::from_secs(5), "{scheme}: {:?}", start.elapsed());
    });
}

#[test]
fn drivers_that_helm_doesnt_have_or_cant_reach() {
    let ns = namespace("drivers", Driver::Secret);
    told(&refloat(&ns, ["list", "--driver", "etcd"]), 2, "unknown driver \"etcd\"", "secret, configmap and sql");
    told(&refloat(&ns, ["list", "--driver", "memory"]), 2, "only inside one Helm process", "secret, configmap and sql");
    let sql = |dsn: Option<&str>| {
        refloat_with(&ns, ["list", "--driver", "sql"], |command| {
            command.env_remove("HELM_DRIVER_SQL_CONNECTION_STRING");
            dsn.map(|dsn| command.env("HELM_DRIVER_SQL_CONNECTION_STRING", dsn));
        })
    };
    told(&sql(None), 2, "needs HELM_DRIVER_SQL_CONNECTION_STRING", "postgresql://");
    let nowhere = format!("postgres://ada:{SECRET}@127.0.0.1:1/helm?sslmode=disable");
    told(&sql(Some(&nowhere)), 5, "can't reach 127.0.0.1:1/helm", "");
    let place = ns.bed.postgres().unwrap();
    let stranger = place.replace("//refloat@", &format!("//nobody-at-all:{SECRET}@"));
    told(&sql(Some(&stranger)), 5, "doesn't accept the credentials", "");
    told(&sql(Some(&format!("{place}&password={SECRET}&sslmod=x"))), 2, "sslmod", "");
}

#[test]
fn command_lines_that_make_no_sense() {
    let ns = namespace("usage", Driver::Secret);
    told(&refloat(&ns, ["list", "-l", "a=b=c"]), 2, "invalid label selector at \"a=b=c\"", "a=b,c!=d");
    let regex = refloat(&ns, ["list", "-f", "a(b"]);
    assert_eq!((regex.code, regex.stdout.as_str()), (Some(2), ""));
    assert!(regex.stderr.contains("unclosed group"), "{}", regex.stderr);
    assert_eq!(refloat(&ns, ["list", "--request-timeout", "soon"]).code, Some(2));
    assert_eq!(refloat(&ns, ["lost"]).code, Some(2));
}

#[test]
fn releases_revisions_and_namespaces_that_are_not_there() {
    let ns = namespace("absent", Driver::Secret);
    web(&ns, Driver::Secret);
    let gone = format!("release \"api\" not found in namespace {}", ns.name);
    for args in
        [&["status", "api"][..], &["history", "api"], &["get", "values", "api"], &["fix", "api", "--with", "unlock"]]
    {
        told(&refloat(&ns, args), 2, &gone, "refloat list -A shows every release");
    }
    for args in [&["status", "web", "--revision", "9"][..], &["get", "notes", "web", "--revision", "9"]] {
        told(&refloat(&ns, args), 2, &format!("release {}/web has no revision 9", ns.name), "refloat history web -n");
    }
    told(&refloat(&ns, ["undo"]), 2, "there is no fix to take back", "-n names another namespace");
    told(&refloat(&ns, ["undo", "deadbeef"]), 2, "there is no fix deadbeef in namespace", "refloat history");
    // A namespace that isn't there is empty, as for helm and kubectl.
    assert_eq!(refloat_json(&ns, ["list", "-n", "no-such-namespace", "-o", "json"]), json!([]));
    assert_eq!(refloat(&ns, ["-n", "no-such-namespace"]).code, Some(0));
    told(
        &refloat(&ns, ["status", "web", "-n", "no-such-namespace"]),
        2,
        "not found in namespace no-such-namespace",
        "-A",
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let ns = namespace("pipe", Driver::Secret);
    web(&ns, Driver::Secret);
    for args in [&["list"][..], &["history", "web"], &["get", "all", "web"], &["list", "-o", "json"], &["--help"]] {
        let ran = refloat_with(&ns, args, |command| {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            command.stdout(writer);
        });
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn where_no_driver_is_named_the_one_with_records_is_found() {
    let ns = namespace("detected", Driver::ConfigMap);
    web(&ns, Driver::ConfigMap);
    let unset = |command: &mut Command| {
        command.env_remove("HELM_DRIVER").env_remove("HELM_DRIVER_SQL_CONNECTION_STRING");
    };
    let ran = refloat_with(&ns, ["list", "-o", "json"], unset);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("\"web\""), "{}", ran.stdout);
    assert_eq!(ran.stderr, "note: no records in Secrets: showing the configmap driver's\n");
    let status = refloat_with(&ns, ["status", "web"], unset);
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    let named = refloat_with(&ns, ["status", "web", "--driver", "secret"], unset);
    told(&named, 2, "not found in namespace", "refloat list -A");
}
