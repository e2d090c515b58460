//! What the documents show is what the program does.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::process::Command;

use refloat::exit::Exit;

const README: &str = include_str!("../../README.md");

/// The blocks fenced as `text demo`.
fn excerpts() -> Vec<&'static str> {
    README.split("```text demo\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

#[test]
fn the_tour_is_what_the_demo_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_refloat")).arg("demo").output().unwrap();
    let story = String::from_utf8(output.stdout).unwrap();
    let excerpts = excerpts();
    assert!(excerpts.len() > 4, "the tour is gone");
    for excerpt in excerpts {
        assert!(story.contains(excerpt), "not in the demo:\n{excerpt}");
    }
}

/// `| code | meaning |` of each row.
fn rows(text: &str) -> Vec<(u8, String)> {
    let cells = |line: &str| -> Option<(u8, String)> {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        Some((cells.next()?.trim_matches('`').parse().ok()?, cells.next()?.to_owned()))
    };
    text.lines().filter_map(cells).collect()
}

#[test]
fn exit_codes_are_those_of_the_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/exit-codes.md");
    let documented = rows(&std::fs::read_to_string(file).unwrap());
    let coded: Vec<_> = Exit::ALL.into_iter().map(|(exit, meaning)| (exit as u8, meaning.to_owned())).collect();
    assert_eq!(documented, coded);
}

/// A code that the enum has and the list hasn't would be documented nowhere.
#[test]
fn every_exit_code_is_listed() {
    let listed = |exit: Exit| Exit::ALL.iter().any(|(listed, _)| *listed == exit);
    let next = |exit: Exit| match exit {
        Exit::Ok => Some(Exit::Bug),
        Exit::Bug => Some(Exit::Usage),
        Exit::Usage => Some(Exit::Found),
        Exit::Found => Some(Exit::Refused),
        Exit::Refused => Some(Exit::Access),
        Exit::Access => Some(Exit::Changed),
        Exit::Changed => Some(Exit::Unverified),
        Exit::Unverified => Some(Exit::Partial),
        Exit::Partial => Some(Exit::Interrupted),
        Exit::Interrupted => None,
    };
    let all: Vec<_> = std::iter::successors(Some(Exit::Ok), |exit| next(*exit)).collect();
    assert!(all.iter().all(|exit| listed(*exit)));
    assert_eq!(all.len(), Exit::ALL.len());
}
