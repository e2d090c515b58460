//! Whose a live object is, by the metadata that Helm puts on it.

use serde_json::Value;

use crate::diff::member;

/// Set on every object of a release (Helm 4.3 `pkg/action/validate.go:setMetadataVisitor`).
pub(super) const RELEASE_NAME: &str = "meta.helm.sh/release-name";
pub(super) const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Whose an object should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// A release's.
    Release {
        /// Its name.
        name: &'a str,
        /// The namespace of its records, which needn't be the object's.
        namespace: &'a str,
    },
    /// Nobody's in particular: hooks and what stands in a chart's `crds/` bear no owner.
    Unchecked,
}

impl Owner<'_> {
    /// Takes a live object and whether Helm would have to adopt it; gives the paths that say it is someone else's.
    ///
    /// To adopt, Helm wants the label, too (Helm 4.3 `pkg/action/validate.go:checkOwnership`). For what it has already it looks
    /// at none of them; then the annotations decide, as other tools are known to rewrite the label.
    pub(super) fn missing(&self, live: &Value, adopting: bool) -> Vec<String> {
        let Self::Release { name, namespace } = self else { return Vec::new() };
        let wanted = [
            ("annotations", RELEASE_NAME, *name, true),
            ("annotations", RELEASE_NAMESPACE, *namespace, true),
            ("labels", MANAGED_BY, "Helm", adopting),
        ];
        let held = |map: &str, key: &str| live.get("metadata")?.get(map)?.get(key)?.as_str();
        let wrong = wanted.into_iter().filter(|(map, key, value, counts)| *counts && held(map, key) != Some(value));
        wrong.map(|(map, key, ..)| member(&format!("metadata.{map}"), key)).collect()
    }
}
