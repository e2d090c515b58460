//! What can't be understood is named, and nothing makes the reader panic.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use refloat_core::inventory::ReleaseId;
use refloat_core::observe::{Read, known};
use refloat_core::paste::{Named, missing};
use serde_json::json;

use crate::{HISTORY, HOOKS, MANIFEST, STATUS, list, live, observe, read, read_named, record, told, unread};

#[test]
fn what_cant_be_used_is_named_with_what_can() {
    let table: [(&str, &str, &str); 20] = [
        ("a", "", "line 1 is empty"),
        ("a", "$ helm status web\n$ ls\n$ \n", "line 2 is a command that printed nothing"),
        (
            "a",
            "NAME          READY   STATUS\npod/web-1   1/1   Running\n",
            "line 1 is kubectl's table, which leaves most out: kubectl get all,events -n NAMESPACE -o yaml",
        ),
        (
            "a",
            "$ kubectl get po -n shop > x\nNAME   READY   STATUS\n",
            "line 2 is kubectl's table, which leaves most out: kubectl get po -n shop -o yaml",
        ),
        (
            "a",
            "LAST SEEN   TYPE   REASON\n",
            "line 1 is kubectl's table, which leaves most out: kubectl get events -n NAMESPACE -o yaml",
        ),
        (
            "a",
            "Name:         web\nNamespace:    shop\n",
            "line 1 is what kubectl describe prints, which can't be read back: kubectl get all,events -n NAMESPACE -o yaml",
        ),
        (
            "a",
            "Error: release: not found\n",
            "line 1 is an error message, not an answer: run the command again, or by someone who may",
        ),
        (
            "a",
            "No resources found in shop namespace.\n",
            "line 1 says that nothing was found, but not of what: kubectl get all -n NAMESPACE -o yaml",
        ),
        ("a", "{\"apiVersion\": \"v1\",\n\"items\": [", "line 2 ends in the middle of the JSON: paste it whole"),
        (
            "a",
            "{}\n{]\n",
            "line 1 is nothing that a diagnosis needs of helm or kubectl; a line 2 is no JSON from here on",
        ),
        ("a", "\nWarning: old\n\na: b: c\n", "line 4 is neither YAML nor anything else that helm or kubectl prints"),
        ("a", "hello\n", "line 1 is nothing that helm or kubectl prints"),
        ("a", "[1, {}]", "line 1 holds 2 items that are neither objects nor revisions"),
        (
            "a",
            "kind: Config\napiVersion: v1\nusers: []\n",
            "line 1 is a kubeconfig, which isn't needed and holds credentials: take it away",
        ),
        (
            "a",
            "{\"kind\": \"Status\", \"apiVersion\": \"v1\"}",
            "line 1 is an error of the API server's: run the command again, or by someone who may",
        ),
        ("a", "kind: Pod\napiVersion: v1\n", "line 1 holds an object without apiVersion, kind or name"),
        (
            "a",
            "kind: Pod\napiVersion: v1\nmetadata: {name: x}\n",
            "line 1 holds Pod x without a uid, so it isn't as a cluster gives it; is it what a chart renders, then put \"manifest\" into the file's name",
        ),
        ("a", MANIFEST, "line 1 doesn't say which release it is of: put the release's name into the file's name"),
        ("web", MANIFEST, "line 1 doesn't say which release it is of: put the release's name into the file's name"),
        ("a", "USER-SUPPLIED VALUES:\nkey: hunter2\n", "line 1 holds values, which aren't needed"),
    ];
    for (file, text, expected) in table {
        assert_eq!(unread(&[(file, text)]).join("; "), format!("{file} {expected}"), "{text}");
    }
    let state = "m.yaml line 1 is of a revision whose status wasn't pasted: helm history -o json tells it";
    let named = Named { release: Some("web"), namespace: Some("shop") };
    assert_eq!(told(&read_named(&[("m.yaml", MANIFEST)], named)).1, [state]);
}

/// The words that decide what a text is taken for, and pieces of real ones.
const PIECES: [&str; 30] = [
    "\n",
    "---\n",
    "- ",
    "  ",
    "\t",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"items\":",
    "\"kind\":\"List\"",
    "\"metadata\":{",
    "apiVersion: v1\n",
    "kind: Secret\n",
    "metadata:\n  name: web\n",
    "  namespace: shop\n",
    "# Source: a\n",
    HISTORY,
    STATUS,
    MANIFEST,
    HOOKS,
    "$ kubectl get all -n shop\n",
    "helm history web\n",
    "NAME: web\nSTATUS: x\n",
    "MANIFEST:\n",
    "HOOKS:\n",
    "REVISION UPDATED STATUS CHART APP VERSION DESCRIPTION\n",
    "é",
    "\u{1b}[31m",
];

/// Reads, answers and looks for what is missing: nothing of it may panic.
fn survives(name: &str, text: &str) {
    let paste = read(&[(name, text)]);
    for id in paste.releases() {
        let ReleaseId { namespace, .. } = &id;
        drop(paste.answer(&Read::list(&known::pods(), namespace, "")));
    }
    if !paste.records.is_empty() {
        let seen = observe(&paste);
        drop(missing(&paste, &seen));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(name in "[a-z.-]{0,12}", text in any::<String>()) {
        survives(&name, &text);
    }

    #[test]
    fn nor_do_pieces_of_real_ones(pieces in proptest::collection::vec(select(PIECES.to_vec()), 0..20), name in select(vec!["all.json", "events.yaml", "manifest", "x.log"])) {
        survives(name, &pieces.concat());
    }

    #[test]
    fn nor_does_a_cut_or_a_changed_byte(at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let text = format!("{}\n---\n{HISTORY}", list(&[record(1, "deployed"), live("v1", "Pod", "a", &json!({"a": "b"}))]));
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        survives("all.json", &String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn depth_and_size_are_bounded() {
    for text in
        ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 16), "- ".repeat(1 << 16), format!("[{}0]", "0,".repeat(2_000_000))]
    {
        assert_eq!(unread(&[("a", &text)]).len(), 1);
    }
}
