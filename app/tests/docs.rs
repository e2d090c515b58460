//! What the README shows is what the program prints.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::process::Command;

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
