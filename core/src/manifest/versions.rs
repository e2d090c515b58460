//! Objects of a manifest in other API versions, for what the server no longer serves.
//!
//! Helm looks up every kind of the stored manifest before it does anything, so a version that is gone blocks upgrade, rollback and
//! uninstall alike. The objects themselves live on in the versions that are served; only the record has to say so.

use serde::Serialize;
use serde_json::Value;

use super::split::split;
use super::yaml;

/// What to write instead of a version that is no longer served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NewVersion {
    /// The kind of the objects.
    pub kind: String,
    /// Their API version as the manifest has it.
    pub from: String,
    /// One that is served.
    pub to: String,
}

/// Takes a manifest; gives it with those versions replaced, and no other byte changed. A document in which the version can't be replaced
/// without changing anything else stays as it is.
pub fn with_versions(manifest: &str, versions: &[NewVersion]) -> String {
    let mut text = String::with_capacity(manifest.len());
    let mut done = 0;
    for piece in split(manifest) {
        text.push_str(manifest.get(done..piece.at).unwrap_or_default());
        let replaced = versions.iter().find_map(|version| replaced(piece.text, version));
        text.push_str(replaced.as_deref().unwrap_or(piece.text));
        done = piece.at + piece.text.len();
    }
    text.push_str(manifest.get(done..).unwrap_or_default());
    text
}

/// The document with its version replaced, if it is of that kind and version. It may be written in many ways, as YAML and as JSON, and the
/// text of the version may stand elsewhere, too: the place is right if nothing else of what the document means has changed.
fn replaced(document: &str, version: &NewVersion) -> Option<String> {
    let before = yaml::parse(document).ok()?;
    let says = |key: &str| before.get(key).and_then(Value::as_str);
    if says("apiVersion") != Some(&version.from) || says("kind") != Some(&version.kind) {
        return None;
    }
    let mut wanted = before.clone();
    *wanted.get_mut("apiVersion")? = version.to.clone().into();
    let places = document.match_indices(version.from.as_str());
    let tried = places.map(|(at, found)| [&document[..at], &version.to, &document[at + found.len()..]].concat());
    tried.into_iter().find(|text| yaml::parse(text).is_ok_and(|after| after == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> [NewVersion; 1] {
        let (kind, from, to) = ("PodDisruptionBudget".to_owned(), "policy/v1beta1".to_owned(), "policy/v1".to_owned());
        [NewVersion { kind, from, to }]
    }

    #[test]
    fn only_the_version_changes() {
        let table = [
            (
                "---\n# Source: a\napiVersion: policy/v1beta1 # old\nkind: PodDisruptionBudget\n---\napiVersion: v1\nkind: ConfigMap\n",
                "---\n# Source: a\napiVersion: policy/v1 # old\nkind: PodDisruptionBudget\n---\napiVersion: v1\nkind: ConfigMap\n",
            ),
            (
                "{\"kind\": \"PodDisruptionBudget\",\n \"apiVersion\": \"policy/v1beta1\"}",
                "{\"kind\": \"PodDisruptionBudget\",\n \"apiVersion\": \"policy/v1\"}",
            ),
            // The text stands elsewhere, too, and first.
            (
                "metadata:\n  annotations:\n    was: policy/v1beta1\nkind: PodDisruptionBudget\napiVersion: 'policy/v1beta1'\n",
                "metadata:\n  annotations:\n    was: policy/v1beta1\nkind: PodDisruptionBudget\napiVersion: 'policy/v1'\n",
            ),
            // Others' stay.
            (
                "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\n",
                "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\n",
            ),
            (
                "apiVersion: policy/v1\nkind: PodDisruptionBudget\n",
                "apiVersion: policy/v1\nkind: PodDisruptionBudget\n",
            ),
            ("a: [\n---\nkind: x", "a: [\n---\nkind: x"),
        ];
        for (before, after) in table {
            assert_eq!(with_versions(before, &budget()), after);
        }
    }
}
