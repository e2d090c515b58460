//! What `helm status`, `helm get all` and `helm get metadata` print for people.

use super::release::Scrap;

/// Lines that begin a part of their own, which goes on to the next of them.
const PARTS: [&str; 6] = ["RESOURCES:", "USER-SUPPLIED VALUES:", "COMPUTED VALUES:", "HOOKS:", "MANIFEST:", "NOTES:"];

/// Whether a text begins as these commands' do.
pub fn is_status(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.next().is_some_and(|first| first.starts_with("NAME: "))
        && lines.take(12).any(|line| line.starts_with("STATUS: "))
}

/// What was read of such a text, and the lines at which manifest and hooks begin in it, from 0.
#[derive(Debug, Default)]
pub struct Status<'a> {
    /// The release's state.
    pub scrap: Scrap,
    /// `HOOKS:` and `MANIFEST:` with the line after them.
    pub yaml: Vec<(usize, &'a str)>,
}

/// Takes such a text; gives what it tells (Helm 4.3 `pkg/cmd/status.go:statusPrinter.WriteTable`, `get_metadata.go`).
/// `LAST DEPLOYED` names no zone, so it tells nothing.
pub fn read(text: &str) -> Status<'_> {
    let mut status = Status::default();
    let (mut field, mut part, mut at) = ("", "", 0);
    let mut begun = None;
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim_end();
        if PARTS.contains(&line) {
            status.close(text, part, begun, at);
            (part, begun) = (line, Some((number + 1, at + whole.len())));
        } else if part == "NOTES:" {
            status.scrap.notes.push_str(whole);
        } else if matches!(part, "" | "RESOURCES:") {
            match line.split_once(": ") {
                Some((name, value)) if is_name(name) => {
                    field = if status.scrap.set(name, value.trim()) { name } else { "" };
                }
                // A description may go on over several lines.
                _ if field == "DESCRIPTION" && !line.is_empty() && part.is_empty() => {
                    status.scrap.description.get_or_insert_default().push_str(&format!("\n{line}"));
                }
                _ => {}
            }
        }
        at += whole.len();
    }
    status.close(text, part, begun, at);
    status
}

impl<'a> Status<'a> {
    fn close(&mut self, text: &'a str, part: &str, begun: Option<(usize, usize)>, end: usize) {
        if let (Some((line, start)), "HOOKS:" | "MANIFEST:") = (begun, part) {
            self.yaml.push((line, text.get(start..end).unwrap_or_default()));
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b' '))
}

impl Scrap {
    /// Takes one line's name and value; whether it means anything here.
    fn set(&mut self, name: &str, value: &str) -> bool {
        let some = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match name {
            "NAME" => self.release = some(),
            "NAMESPACE" => self.namespace = some(),
            "STATUS" => self.status = some(),
            "REVISION" => self.revision = value.parse().ok(),
            "DESCRIPTION" => self.description = some(),
            "CHART" => self.chart = some(),
            "VERSION" => self.chart_version = some(),
            "APP_VERSION" => self.app_version = some(),
            "APPLY_METHOD" => self.server_side = Some(value.starts_with("server-side")),
            "DEPLOYED_AT" => self.updated = some(),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "NAME: web\r\nLAST DEPLOYED: Sat Nov 21 15:02:28 2026\nNAMESPACE: shop\nSTATUS: failed\nREVISION: 2\nCHART: app\nVERSION: 1.0.0\nAPP_VERSION: 1.0\nDESCRIPTION: Upgrade \"web\" failed: not ready. status: InProgress\ncontext deadline exceeded\nTEST SUITE: None\nUSER-SUPPLIED VALUES:\nSTATUS: x\nHOOKS:\n---\nkind: Job\nMANIFEST:\n---\nkind: Pod\nNOTES:\nNAME: other\n";

    #[test]
    fn every_part_is_read() {
        assert!(is_status(ALL));
        let Status { scrap, yaml } = read(ALL);
        assert_eq!((scrap.release.as_deref(), scrap.namespace.as_deref()), (Some("web"), Some("shop")));
        assert_eq!((scrap.status.as_deref(), scrap.revision), (Some("failed"), Some(2)));
        let description = "Upgrade \"web\" failed: not ready. status: InProgress\ncontext deadline exceeded";
        assert_eq!(scrap.description.as_deref(), Some(description));
        assert_eq!((scrap.chart.as_deref(), scrap.chart_version.as_deref()), (Some("app"), Some("1.0.0")));
        assert_eq!(scrap.updated, None);
        assert_eq!(scrap.notes, "NAME: other\n");
        assert_eq!(yaml, [(14, "---\nkind: Job\n"), (17, "---\nkind: Pod\n")]);
    }

    #[test]
    fn resources_and_other_texts_are_left_alone() {
        let text = "NAME: web\nSTATUS: deployed\nDESCRIPTION: fine\nRESOURCES:\n==> v1/Pod\nNAME   AGE\nweb    1s\n\nTEST SUITE: None\n";
        let scrap = read(text).scrap;
        assert_eq!((scrap.release.as_deref(), scrap.description.as_deref()), (Some("web"), Some("fine")));
        assert!(!is_status("NAME   READY   STATUS\nweb 1/1 Running\n") && !is_status("NAME: x\n") && !is_status(""));
    }
}
