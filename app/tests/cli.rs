//! The command line as a user meets it before there is a cluster: help, version, wrong usage. The same on every machine: no
//! variable of the user's, and a fixed width.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::process::Command;

use clap::CommandFactory;
use refloat::cli::Cli;

/// Runs refloat; gives exit code and both streams as one text.
fn shown(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_refloat"))
        .args(args)
        .env_clear()
        .envs([("COLUMNS", "100"), ("HOME", "/home/ada")])
        .output();
    let output = output.unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let mut shown = format!("exit code {}\n", output.status.code().unwrap());
    for (stream, text) in [("stdout", stdout), ("stderr", stderr)] {
        if !text.is_empty() {
            shown.push_str(&format!("--- {stream}\n{text}"));
        }
    }
    shown
}

/// Every command with its words, the root's none.
fn commands() -> Vec<(Vec<String>, clap::Command)> {
    let mut found = Vec::new();
    let mut left = vec![(Vec::new(), Cli::command())];
    while let Some((words, command)) = left.pop() {
        for inner in command.get_subcommands() {
            left.push(([words.clone(), vec![inner.get_name().to_owned()]].concat(), inner.clone()));
        }
        found.push((words, command));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn help_of_every_command() {
    for (words, _) in commands() {
        let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = shown(&args);
        assert!(help.starts_with("exit code 0\n--- stdout\n"), "{words:?}: {help}");
        assert!(help.contains("\nExample"), "{words:?} has no example: {help}");
        insta::assert_snapshot!(format!("help_{}", words.join("_")), help);
    }
}

/// The examples are what people type first.
#[test]
fn examples_in_the_help_can_be_typed() {
    let mut tried = 0;
    for (words, mut command) in commands() {
        let help = command.render_long_help().to_string();
        for line in help.lines().filter_map(|line| line.strip_prefix("  refloat")) {
            // What stands beside an example, and where its output goes, isn't typed.
            let typed = line.split("   ").next().unwrap().split(" | ").next().unwrap().replace('\'', "");
            let args = std::iter::once("refloat").chain(typed.split_whitespace());
            let parsed = Cli::command().try_get_matches_from(args);
            assert!(parsed.is_ok(), "{words:?}: refloat{line}: {}", parsed.unwrap_err());
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

/// A flag that Helm has, too, is called as there.
#[test]
fn flags_are_helms() {
    let table: [(&str, &[&str]); 5] = [
        (
            "list",
            &[
                "-a, --all",
                "-A, --all-namespaces",
                "-d, --date",
                "--deployed",
                "--failed",
                "-f, --filter",
                "-m, --max",
                "--no-headers",
                "--offset",
                "-o, --output",
                "--pending",
                "-r, --reverse",
                "-l, --selector",
                "-q, --short",
                "--superseded",
                "--uninstalled",
                "--uninstalling",
                "-n, --namespace",
                "--kube-context",
                "--kubeconfig",
                "--kube-as-user",
                "--kube-as-group",
            ],
        ),
        ("history", &["--max", "-o, --output"]),
        ("status", &["-o, --output", "--revision"]),
        ("get values", &["-a, --all", "-o, --output", "--revision"]),
        ("get manifest", &["--revision"]),
    ];
    for (command, flags) in table {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = shown(&args);
        for flag in flags {
            assert!(
                help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}]")),
                "{command} {flag}: {help}"
            );
        }
    }
}

#[test]
fn version() {
    assert_eq!(shown(&["--version"]), format!("exit code 0\n--- stdout\nrefloat {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(shown(&["-V"]), shown(&["--version"]));
}

#[test]
fn short_help_is_the_help() {
    // Where every value has words of its own, the long help shows them.
    for (words, _) in commands().into_iter().filter(|(words, _)| words != &["fix"]) {
        let with = |flag| shown(&words.iter().map(String::as_str).chain([flag]).collect::<Vec<_>>());
        assert_eq!(with("-h"), with("--help"), "{words:?}");
    }
}

#[test]
fn wrong_usage() {
    let table: [&[&str]; 18] = [
        &["lst"],
        &["get"],
        &["get", "valuse", "cart"],
        &["history"],
        &["list", "cart"],
        &["list", "-o", "xml"],
        &["list", "--max", "x"],
        &["list", "-f", "("],
        &["list", "-l", "=="],
        &["list", "--sort", "size"],
        &["status", "cart", "--revision", "last"],
        &["fix", "cart"],
        &["fix", "--with", "unlock"],
        &["fix", "cart", "--with", "magic"],
        &["fix", "cart", "--with", "unlock", "--yess"],
        &["--driver", "memory"],
        &["--driver", "SQL"],
        &["--request-timeout", "0"],
    ];
    let mut all = String::new();
    for args in table {
        let told = shown(args);
        // Nothing on stdout, which may be piped into something.
        assert!(told.starts_with("exit code 2\n--- stderr\n"), "{args:?}: {told}");
        all.push_str(&format!("$ refloat {}\n{told}\n", args.join(" ")));
    }
    insta::assert_snapshot!(all);
}
