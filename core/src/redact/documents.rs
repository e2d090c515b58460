//! Texts that are documents: manifests, and JSON and YAML within other texts.
//!
//! A document without secrets stays byte for byte. In another one the secrets alone are replaced in its text, if that gives
//! what was meant; where they are written otherwise than they read (escaped, folded), and in Secrets, whose comments may
//! hold them, too, the document is written anew.

use serde_json::Value;

use super::objects::is_secret;
use super::text::credentials;
use super::walk::{Rule, Walk};
use crate::manifest::{MAX_DEPTH, Piece, YamlFault, parse, split};

/// Takes a manifest; gives it redacted, or nothing if there is nothing to redact. What can't be read is replaced by something
/// that can't be read for the same reason in the same place: whether it holds secrets can't be told.
pub(super) fn manifest(walk: &mut Walk<'_>, text: &str) -> Option<String> {
    let new = |piece: &Piece<'_>| match document(walk, piece.text) {
        Ok(new) => new,
        Err(fault) => {
            walk.places += 1;
            Some(broken(piece, &fault))
        }
    };
    spliced(text, &split(text), new)
}

/// Takes any text; if it is JSON, or YAML of several lines, gives it redacted, or nothing if there is nothing to redact.
pub(super) fn embedded(walk: &mut Walk<'_>, text: &str) -> Option<String> {
    let bare = text.trim();
    if bare.starts_with('{') || bare.starts_with('[') {
        let old: Value = serde_json::from_str(bare).ok()?;
        let mut new = old.clone();
        walk.value(&mut new, Rule::Plain);
        if new == old {
            return None;
        }
        let json = if bare.contains('\n') { serde_json::to_string_pretty(&new) } else { serde_json::to_string(&new) };
        return json.ok().map(|json| text.replacen(bare, &json, 1));
    }
    if !(bare.contains('\n') && bare.contains(':')) {
        return None;
    }
    let pieces = split(text);
    let structured = |piece: &Piece<'_>| parse(piece.text).is_ok_and(|value| value.is_object() || value.is_array());
    if !pieces.iter().all(structured) {
        return None;
    }
    spliced(text, &pieces, |piece| document(walk, piece.text).ok().flatten())
}

/// Puts new texts in the places of pieces.
fn spliced(text: &str, pieces: &[Piece<'_>], mut new: impl FnMut(&Piece<'_>) -> Option<String>) -> Option<String> {
    let (mut out, mut done) = (String::new(), 0);
    for piece in pieces {
        let Some(new) = new(piece) else { continue };
        out.push_str(text.get(done..piece.at).unwrap_or_default());
        out.push_str(&new);
        done = piece.at + piece.text.len();
        // What follows begins a line of its own.
        if !new.ends_with('\n') && done < text.len() {
            out.push('\n');
        }
    }
    if done == 0 {
        return None;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Some(out)
}

/// One document.
fn document(walk: &mut Walk<'_>, text: &str) -> Result<Option<String>, YamlFault> {
    let old = parse(text)?;
    let mut new = old.clone();
    let outer = std::mem::take(&mut walk.edits);
    walk.value(&mut new, Rule::Plain);
    let edits = std::mem::replace(&mut walk.edits, outer);
    let clean = |text: &str| !walk.hunt().finds(text) && !text.lines().any(is_telling_comment);
    if new == old && clean(text) {
        return Ok(None);
    }
    if new == old {
        walk.places += 1;
        return Ok(Some(written(text, &new)));
    }
    let substituted = (!may_be_secret(&old)).then(|| substituted(text, &edits));
    let fits = |text: &String| parse(text).as_ref() == Ok(&new) && clean(text);
    let text = substituted.filter(fits).unwrap_or_else(|| written(text, &new));
    walk.edits.extend(edits);
    Ok(Some(text))
}

/// Whether a document is a Secret, or may hold some.
fn may_be_secret(value: &Value) -> bool {
    let Value::Object(members) = value else { return true };
    is_secret(members, None) || members.contains_key("items")
}

/// A comment with a credential in it.
fn is_telling_comment(line: &str) -> bool {
    line.split_once('#').is_some_and(|(_, comment)| !credentials(comment).is_empty())
}

/// Replaces each old text by its new one, the longest first, so that no part of one is taken for another.
fn substituted(text: &str, edits: &[(String, String)]) -> String {
    let mut edits: Vec<_> = edits.iter().collect();
    edits.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then(a.cmp(b)));
    edits.dedup();
    edits.into_iter().fold(text.to_owned(), |text, (old, new)| text.replace(old.as_str(), new))
}

/// A document written anew, under the note of the template it comes from.
fn written(text: &str, value: &Value) -> String {
    let source = text.lines().next().filter(|line| line.starts_with("# Source: "));
    let source = source.map(|line| format!("{line}\n")).unwrap_or_default();
    let yaml = serde_saphyr::to_string(value).ok().filter(|yaml| parse(yaml).as_ref() == Ok(value));
    // JSON is YAML, too.
    let body = yaml.unwrap_or_else(|| format!("{value:#}\n"));
    let body = body.strip_prefix("---\n").unwrap_or(&body);
    let end = if body.ends_with('\n') { "" } else { "\n" };
    format!("{source}{body}{end}")
}

/// A document that can't be read for this reason.
fn broken(piece: &Piece<'_>, fault: &YamlFault) -> String {
    let source = if piece.source.is_empty() { String::new() } else { format!("# Source: {}\n", piece.source) };
    let candidates: Vec<String> = match fault {
        YamlFault::Syntax { line, column } => {
            let [line, column] = [*line, *column].map(|at| usize::try_from(at).unwrap_or(0).clamp(1, 1 << 16));
            let lines = source.lines().count();
            let before = format!("{source}{}", "#\n".repeat(line.saturating_sub(1 + lines)));
            let indent = |taken: usize| " ".repeat(column.saturating_sub(1 + taken));
            ["@", "]", "a: {{ x }}", "- @", "a: @", "{", "a: \"\\q\"", "%"]
                .into_iter()
                .flat_map(|end| [0, 2, 3, 4].map(|taken| format!("{before}{}{end}\n", indent(taken))))
                .collect()
        }
        YamlFault::Depth => vec![format!("{source}{}{}\n", "[".repeat(MAX_DEPTH + 2), "]".repeat(MAX_DEPTH + 2))],
        YamlFault::Size => {
            let tenfold = |name: char| vec![format!("*{name}"); 10].join(",");
            let level = |(one, next): (char, char)| format!("{next}: &{next} [{}]\n", tenfold(one));
            let levels: String = ('a'..='g').zip('b'..='h').map(level).collect();
            vec![format!("{source}a: &a [{}]\n{levels}", ["x"; 10].join(","))]
        }
    };
    let same = |text: &&String| parse(text) == Err(fault.clone());
    candidates.iter().find(same).or(candidates.first()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::hunt::Hunt;
    use super::*;

    fn redacted(text: &str) -> Option<String> {
        manifest(&mut Walk::new(b"salt", &Hunt::default()), text)
    }

    #[test]
    fn documents_without_secrets_stay() {
        let plain = "---\n# Source: a.yaml\na:   1 # why\n---\n# Source: b.yaml\nkind: ConfigMap\ndata: {x: 'y'}\n";
        assert_eq!(redacted(plain), None);
        let secret = "---\n# Source: s.yaml\nkind: Secret # hidden\nmetadata: {name: a}\nstringData: {p: hunter2}\n";
        let new = redacted(&format!("{plain}{secret}{plain}")).unwrap();
        assert!(new.starts_with(plain) && new.ends_with(plain), "{new}");
        assert!(new.contains("# Source: s.yaml\n") && !new.contains("hunter2") && !new.contains("hidden"), "{new}");
    }

    #[test]
    fn only_the_secrets_text_is_replaced_where_that_will_do() {
        let text = "# a note\nenv:\n  - name:  DB_PASSWORD\n    value: \"hunter2\"   # quoted\nlast: 1";
        let new = redacted(text).unwrap();
        assert!(new.starts_with("# a note\nenv:\n  - name:  DB_PASSWORD\n    value: \"(redacted "), "{new}");
        assert!(new.ends_with(")\"   # quoted\nlast: 1"), "{new}");
        // Written otherwise than it reads.
        let new = redacted("password: \"hun\\x74er2\"\nlast: 1").unwrap();
        assert!(!new.contains("er2"), "{new}");
        assert_eq!(parse(&new).unwrap()["last"], 1);
        // In a comment.
        assert_eq!(redacted("a: 1 # password: hunter2\n").unwrap(), "a: 1\n");
    }

    #[test]
    fn broken_documents_stay_broken_in_the_same_place() {
        let bomb: String =
            ('a'..='g').zip('b'..='h').fold("a: &a [1,1,1,1,1,1,1,1,1,1]\n".to_owned(), |text, (a, b)| {
                text + &format!("{b}: &{b} [{}]\n", vec![format!("*{a}"); 10].join(","))
            });
        let deep = "[".repeat(100) + &"]".repeat(100);
        for text in [
            "# Source: a.yaml\nx: 1\na: {{ hunter2 }}\n",
            "# Source: a.yaml\na: \"hunter2\n",
            "a: b: hunter2\n",
            "a: [hunter2\n",
            "x: 1\n\thunter2: 1\n",
            "# Source: a.yaml\n@hunter2",
            &bomb,
            &deep,
        ] {
            let fault = parse(text).unwrap_err();
            let new = redacted(text).unwrap();
            assert!(!new.contains("hunter2"), "{new}");
            assert_eq!(parse(&new), Err(fault), "{text:?} {new:?}");
            assert_eq!(split(&new)[0].source, split(text)[0].source);
        }
    }
}
