//! Label selectors as kubectl and Helm write them: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
//!
//! Follows Kubernetes 1.35 `apimachinery/pkg/labels/selector.go` in what is accepted; in addition a wrong selector is an
//! error here before anything is asked of the server.

use std::collections::BTreeMap;

use thiserror::Error;

/// A conjunction of requirements. The empty selector matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
}

/// Why a selector isn't one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid label selector at \"{0}\"")]
pub struct SelectorError(String);

impl Selector {
    /// Takes kubectl's selector text.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        split_top(text)
            .into_iter()
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(requirement)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the labels meet every requirement. `!=` and `notin` hold for an absent label, as in Kubernetes.
    pub fn matches(&self, labels: &BTreeMap<&str, &str>) -> bool {
        self.0.iter().all(|Requirement { key, test }| {
            let value = labels.get(key.as_str());
            match test {
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::In(allowed) => value.is_some_and(|value| allowed.iter().any(|a| a == value)),
                Test::NotIn(denied) => value.is_none_or(|value| denied.iter().all(|d| d != value)),
            }
        })
    }
}

/// Splits at commas outside parentheses.
fn split_top(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

fn requirement(part: &str) -> Result<Requirement, SelectorError> {
    let bad = || SelectorError(part.to_owned());
    let (key, test) = if let Some(key) = part.strip_prefix('!') {
        (key, Test::Absent)
    } else if let Some((key, value)) = part.split_once("!=") {
        (key, Test::NotIn(vec![word(value).ok_or_else(bad)?]))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Test::In(vec![word(value).ok_or_else(bad)?]))
    } else if let Some((head, set)) = part.split_once('(') {
        let values: Option<Vec<_>> = set.trim_end().strip_suffix(')').ok_or_else(bad)?.split(',').map(word).collect();
        let values = values.ok_or_else(bad)?;
        match head.split_whitespace().collect::<Vec<_>>().as_slice() {
            [key, "in"] => (*key, Test::In(values)),
            [key, "notin"] => (*key, Test::NotIn(values)),
            _ => return Err(bad()),
        }
    } else {
        (part, Test::Exists)
    };
    let key = key.trim();
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if key.is_empty() || !key.chars().all(legal) {
        return Err(bad());
    }
    Ok(Requirement { key: key.to_owned(), test })
}

/// A label value: may be empty, holds no blanks or selector signs.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_as_kubernetes_does() {
        let labels = BTreeMap::from([("team", "shop"), ("tier", "web"), ("empty", "")]);
        let table = [
            ("", true),
            ("team=shop", true),
            ("team==shop,tier=web", true),
            ("team = shop", true),
            ("team=shop,tier=db", false),
            ("team!=shop", false),
            ("zone!=a", true),
            ("team in (shop, pay)", true),
            ("team in (pay),tier", false),
            ("team notin (pay)", true),
            ("zone notin (a,b)", true),
            ("zone in (a)", false),
            ("tier", true),
            ("zone", false),
            ("!zone", true),
            ("!tier", false),
            ("empty=", true),
        ];
        for (text, matches) in table {
            assert_eq!(Selector::parse(text).unwrap().matches(&labels), matches, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a=b c", "a in b", "a in (b", "(a)", "a within (b)", "=b", "a b", "a=(b)", "ä=b"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }
}
