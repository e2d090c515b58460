//! `refloat.yaml`: read strictly, as a slip of the pen must not pass for consent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_saphyr::{Error, Spanned};
use thiserror::Error;

use super::{Policy, Protected, Ruled, said};
use crate::report::shortened;

/// How many bytes a policy may have.
pub const MAX_POLICY: usize = 1 << 20;

/// Why a file isn't a policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct PolicyFault {
    /// Where, from 1; 0 if that isn't known.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

/// As it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Written {
    rollback: Option<Spanned<String>>,
    stale_after: Option<Spanned<String>>,
    auto: Option<Vec<Spanned<String>>>,
    protected: WrittenProtected,
    owners: BTreeMap<String, Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct WrittenProtected {
    kinds: Vec<Spanned<String>>,
    labels: Vec<Spanned<String>>,
}

/// Takes a policy's text and what to call it; gives the policy. An empty text says nothing.
pub fn parse_policy(text: &str, by: &str) -> Result<Policy, PolicyFault> {
    let options = serde_saphyr::options! { with_snippet: false };
    let written: Option<Written> = serde_saphyr::from_str_with_options(text, options).map_err(|error| fault(&error))?;
    let Written { rollback, stale_after, auto, protected, owners } = written.unwrap_or_default();
    let auto = auto.map(|ways| ways.iter().map(|way| read(way, said::way)).collect::<Result<BTreeSet<_>, _>>());
    let kinds = protected.kinds.iter().map(|kind| read(kind, Protected::kind));
    let labels = protected.labels.iter().map(|labels| read(labels, Protected::labels));
    let owners = owners.into_iter().map(|(kind, rule)| {
        let value = read(&rule, |word| said::owner(&kind, word))?;
        Ok((kind, ruled(value, by)))
    });
    Ok(Policy {
        rollback: rollback.map(|word| read(&word, said::rollback)).transpose()?.map(|value| ruled(value, by)),
        stale_after: stale_after.map(|word| read(&word, said::stale_after)).transpose()?.map(|value| ruled(value, by)),
        auto: auto.transpose()?.map(|value| ruled(value, by)),
        protected: kinds.chain(labels).map(|value| Ok(ruled(value?, by))).collect::<Result<_, PolicyFault>>()?,
        owners: owners.collect::<Result<_, PolicyFault>>()?,
    })
}

fn ruled<T>(value: T, by: &str) -> Ruled<T> {
    Ruled { value, by: by.to_owned() }
}

/// Reads one word, with its line if it is wrong.
fn read<T>(word: &Spanned<String>, meaning: impl FnOnce(&str) -> Result<T, String>) -> Result<T, PolicyFault> {
    meaning(&word.value).map_err(|what| PolicyFault { line: word.referenced.line(), what })
}

/// The parser's fault in words. It may quote what is no secret: keys, and what was expected.
fn fault(error: &Error) -> PolicyFault {
    let line = error.location().map_or(0, |at| at.line());
    let what = match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("unknown key \"{}\"; there are {}", shortened(field, 60), expected.join(", "))
        }
        Error::DuplicateMappingKey { .. } => "a key stands there twice".to_owned(),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            format!("expected {expected}")
        }
        Error::Unexpected { expected, .. } => format!("expected {expected}"),
        _ => "it isn't YAML that a policy can be read from".to_owned(),
    };
    PolicyFault { line, what }
}
