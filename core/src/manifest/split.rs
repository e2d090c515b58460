//! A stored manifest cut into documents, exactly as Helm 4 cuts it.
//!
//! Takes the manifest; gives its documents in order with the template each comes from. Looks at no YAML: what stands between
//! two separators is a document, broken or not.

use std::sync::LazyLock;

use regex::Regex;

/// One document of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The template it comes from, as Helm noted it (`# Source: …`); empty if it didn't.
    pub source: &'a str,
    /// Its text, that note included.
    pub text: &'a str,
    /// Where that text begins in the manifest, in bytes.
    pub at: usize,
}

/// Helm 4.3 `pkg/release/v1/util/manifest.go:sep`. Go's `(?m)^` and this one mean the same; carriage returns end no line.
static SEPARATOR: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^---[ \t]*").ok());

/// Cuts a manifest (Helm 4.3 `pkg/release/v1/util/manifest.go:SplitManifests`): documents of nothing but blanks are none, and
/// blanks in front of one don't belong to it.
pub fn split(manifest: &str) -> Vec<Piece<'_>> {
    let whole = manifest.trim_start();
    let before = manifest.len() - whole.len();
    let separators = SEPARATOR.iter().flat_map(|separator| separator.find_iter(whole));
    let ends = separators.map(|found| (found.start(), found.end())).chain([(whole.len(), whole.len())]);
    let mut pieces = Vec::new();
    let mut start = 0;
    for (end, next) in ends {
        let document = whole.get(start..end).unwrap_or_default();
        let text = document.trim_start();
        if !text.is_empty() {
            let at = before + start + (document.len() - text.len());
            pieces.push(Piece { source: source(text), text, at });
        }
        start = next;
    }
    pieces
}

/// Helm writes the template's path into the first line (Helm 4.3 `pkg/action/action.go:renderResources`).
fn source(document: &str) -> &str {
    let first = document.lines().next().unwrap_or_default();
    first.strip_prefix("# Source: ").map(str::trim).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(manifest: &str) -> Vec<&str> {
        split(manifest).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn documents_are_cut_as_helm_cuts_them() {
        let table: [(&str, &[&str]); 12] = [
            ("", &[]),
            ("\n \n", &[]),
            ("a: 1", &["a: 1"]),
            ("---\na: 1\n---\nb: 2\n", &["a: 1\n", "b: 2\n"]),
            ("a: 1\n--- \t\nb: 2", &["a: 1\n", "b: 2"]),
            // What follows on the separator's line belongs to the document.
            ("---a: 1\n--- # note\nb: 2", &["a: 1\n", "# note\nb: 2"]),
            // A fourth dash does, too.
            ("a: 1\n----\nb: 2", &["a: 1\n", "-\nb: 2"]),
            // Only at the start of a line.
            ("a: |\n  ---\n  x\n", &["a: |\n  ---\n  x\n"]),
            ("a: b --- c", &["a: b --- c"]),
            ("---\r\na: 1\r\n---\r\nb: 2", &["a: 1\r\n", "b: 2"]),
            ("---\n---\n \n---\na: 1\n\n", &["a: 1\n\n"]),
            ("\u{a0}\n  a: 1", &["a: 1"]),
        ];
        for (manifest, expected) in table {
            assert_eq!(texts(manifest), expected, "{manifest:?}");
            for piece in split(manifest) {
                assert!(manifest[piece.at..].starts_with(piece.text), "{manifest:?}");
            }
        }
    }

    #[test]
    fn the_template_is_remembered() {
        let manifest = "---\n# Source: app/templates/a.yaml\na: 1\n---\nb: 2\n# Source: not/here.yaml\n";
        let sources: Vec<_> = split(manifest).into_iter().map(|piece| piece.source).collect();
        assert_eq!(sources, ["app/templates/a.yaml", ""]);
    }
}
