//! Questions on a real terminal: a yes goes on, and a no changes nothing.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use bed::{Driver, Major, Namespace};

use crate::ways::{LIMIT, Moment, killed_among_objects, statuses, unlocked};
use crate::{each, environment, namespace};

/// Runs refloat on a pseudo-terminal, which script(1) makes, and types each answer once its question is shown; gives the exit code and
/// what was shown.
fn typed(ns: &Namespace<'static>, args: &str, answers: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new("script");
    command.args(["-qefc", &format!("{} {args}", env!("CARGO_BIN_EXE_refloat")), "/dev/null"]);
    environment(ns, &mut command);
    command.env("TERM", "xterm").env("SHELL", "/bin/sh").env("COLUMNS", "200");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (send, shown) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut bytes) {
            send.send(String::from_utf8_lossy(&bytes[..count]).into_owned()).unwrap();
        }
    });
    let (mut text, mut seen, deadline) = (String::new(), 0, Instant::now() + LIMIT);
    for (question, answer) in answers {
        while !text[seen..].contains(question) {
            let left = deadline.saturating_duration_since(Instant::now());
            text += &shown.recv_timeout(left).unwrap_or_else(|error| panic!("{question}: {error}: {text}"));
        }
        seen = text.len();
        keys.write_all(answer.as_bytes()).unwrap();
    }
    let code = child.wait().unwrap().code();
    reader.join().unwrap();
    text.extend(shown.try_iter());
    (code, text)
}

const SAFE: &str = "Do you know that the older revision works";

#[test]
fn rollback_ask_asks_and_goes_by_the_answer() {
    each(Major::BOTH, |major| {
        let ns = namespace("asking", Driver::Secret);
        killed_among_objects(&ns, major);
        let folder = ns.bed.address.dir.join("asking").join(&ns.name);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("refloat.yaml");
        std::fs::write(&file, "rollback: ask\n").unwrap();
        let back = format!("fix web --with rollback --helm-is-gone --policy {}", file.display());
        let before = Moment::settled(&ns);
        let (code, text) = typed(&ns, &back, &[(SAFE, "n\r")]);
        assert_eq!(code, Some(4), "{text}");
        assert!(text.contains("says rollback: ask; nothing was written"), "{text}");
        let (code, text) = typed(&ns, &back, &[(SAFE, "y\r"), ("Roll back ", "n\r")]);
        assert_eq!(code, Some(4), "{text}");
        assert!(text.contains("not confirmed; nothing was written"), "{text}");
        // Who only presses Enter hasn't said yes.
        assert_eq!(typed(&ns, &back, &[(SAFE, "\r")]).0, Some(4));
        assert_eq!(Moment::now(&ns), before, "{major}");
        unlocked(&ns);
        let (code, text) = typed(&ns, &back, &[(SAFE, "y\r"), ("/web?", "y\r")]);
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(statuses(&ns, major), ["superseded", "failed", "deployed"]);
        unlocked(&ns);
    });
}

#[test]
fn what_is_destructive_is_named_so_and_asked_for() {
    let ns = namespace("asking-lost", Driver::Secret);
    killed_among_objects(&ns, Major::V4);
    let before = Moment::settled(&ns);
    let forget = "fix web --with forget --helm-is-gone";
    let question = format!("Forget the newest revision of {}/web?", ns.name);
    let (code, text) = typed(&ns, forget, &[(&question, "n\r")]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("DESTRUCTIVE") && text.contains("  loses "), "{text}");
    assert!(text.contains("not confirmed; nothing was written"), "{text}");
    assert_eq!(Moment::now(&ns), before);
    unlocked(&ns);
    let (code, text) = typed(&ns, forget, &[(&question, "y\r")]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(statuses(&ns, Major::V4), ["deployed"]);
    unlocked(&ns);
}
