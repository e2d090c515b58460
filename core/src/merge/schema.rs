//! Which fields Kubernetes' types have, and how lists in them are merged.
//!
//! `schema.txt` is made from the API types by `testbed/merge`. A line `apps/v1 Deployment = Deployment` says which type a
//! kind has; any other line is a type and its fields. A field is `name`, in front of it `*` for a pointer, `[]` for a list or
//! `[][]` for a list of lists; behind it `:` and the struct it is or holds, if that has fields; then, if it has any, `,` its
//! patch strategies (joined by `+`), `,` and its merge key. Types that no merge can tell apart are one, under the name of one
//! of them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::MergeFault;

/// How the values of a field are merged (the `patchStrategy` and `patchMergeKey` tags).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PatchMeta {
    /// The strategy other than `retainKeys`: `merge`, `replace` or empty.
    pub(super) strategy: &'static str,
    /// Whether members that the new manifest doesn't have are removed from the live map.
    pub(super) retain_keys: bool,
    /// What tells the items of a list apart; empty for a list of scalars.
    pub(super) merge_key: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    form: &'static str,
    of: Option<&'static str>,
    meta: PatchMeta,
}

#[derive(Debug, Default)]
struct Type {
    fields: BTreeMap<&'static str, Field>,
    /// Go finds a field by its name in another case, too.
    folded: BTreeMap<String, &'static str>,
}

#[derive(Debug, Default)]
struct Table {
    kinds: BTreeMap<(&'static str, &'static str), &'static str>,
    types: BTreeMap<&'static str, Type>,
}

/// What is known of the place in an object: the struct that is there, or that there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema(Option<&'static Type>);

impl Schema {
    /// The schema of a built-in kind; `None` for every other.
    pub(super) fn of(api_version: &str, kind: &str) -> Option<Self> {
        let name = table().kinds.get(&(api_version, kind))?;
        Some(Self(table().types.get(name)))
    }

    /// What a map in the field is (apimachinery 1.37 `pkg/util/strategicpatch/meta.go:LookupPatchMetadataForStruct`).
    pub(super) fn map(self, key: &str) -> Result<(Self, PatchMeta), MergeFault> {
        let field = self.field(key)?;
        let list = field.form.starts_with('[');
        Ok((Self::named(field.of.filter(|_| !list)), field.meta))
    }

    /// What the items of a list in the field are (the same, `LookupPatchMetadataForSlice`).
    pub(super) fn list(self, key: &str) -> Result<(Self, PatchMeta), MergeFault> {
        let field = self.field(key)?;
        match field.form {
            // A pointer is taken for one to a list without a look.
            "[]" | "*" => Ok((Self::named(field.of), field.meta)),
            _ => Err(MergeFault::NotAList(key.to_owned())),
        }
    }

    fn named(name: Option<&str>) -> Self {
        Self(name.and_then(|name| table().types.get(name)))
    }

    fn field(self, key: &str) -> Result<&'static Field, MergeFault> {
        let find = |fields: &'static Type| {
            fields.fields.get(key).or_else(|| fields.fields.get(fields.folded.get(&folded(key))?))
        };
        self.0.and_then(find).ok_or_else(|| MergeFault::UnknownField(key.to_owned()))
    }
}

/// A name without its case, as Go compares (apimachinery `third_party/forked/golang/json/fields.go:foldFunc`).
fn folded(name: &str) -> String {
    let fold = |letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => char::to_ascii_lowercase(&other),
    };
    name.chars().map(fold).collect()
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| parse(super::SCHEMA))
}

fn parse(text: &'static str) -> Table {
    let mut table = Table::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((kind, name)) = line.split_once(" = ") {
            table.kinds.extend(kind.split_once(' ').map(|kind| (kind, name)));
        } else if let Some((name, fields)) = line.split_once(' ') {
            let fields: BTreeMap<_, _> = fields.split(' ').map(field).collect();
            let folded = fields.keys().map(|name| (folded(name), *name)).collect();
            table.types.insert(name, Type { fields, folded });
        }
    }
    table
}

fn field(text: &'static str) -> (&'static str, Field) {
    let mut parts = text.split(',');
    let mut next = || parts.next().unwrap_or("");
    let (shape, strategies, merge_key) = (next(), next(), next());
    let name = shape.trim_start_matches(['[', ']', '*']);
    let (form, _) = shape.split_at(shape.len() - name.len());
    let (name, of) = name.split_once(':').map_or((name, None), |(name, of)| (name, Some(of)));
    let retain_keys = strategies.split('+').any(|strategy| strategy == "retainKeys");
    let strategy = strategies.split('+').find(|strategy| *strategy != "retainKeys").unwrap_or("");
    (name, Field { form, of, meta: PatchMeta { strategy, retain_keys, merge_key } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood() {
        let table = table();
        let lines = super::super::SCHEMA.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(table.kinds.len() + table.types.len(), lines.count());
        assert!(table.kinds.len() > 100 && table.types.len() > 300);
        for name in table.kinds.values() {
            assert!(table.types.contains_key(name), "{name}");
        }
        for (name, fields) in &table.types {
            assert_eq!(fields.fields.len(), fields.folded.len(), "{name}");
            for (field_name, field) in &fields.fields {
                assert!(["", "*", "[]", "[][]"].contains(&field.form), "{name}.{field_name}");
                assert!(["", "merge", "replace"].contains(&field.meta.strategy), "{name}.{field_name}");
                assert!(field.of.is_none_or(|of| table.types.contains_key(of)), "{name}.{field_name}");
            }
        }
    }

    #[test]
    fn fields() {
        let meta = |strategy, retain_keys, merge_key| PatchMeta { strategy, retain_keys, merge_key };
        let spec = Schema::of("apps/v1", "Deployment").unwrap().map("spec").unwrap().0;
        assert_eq!(spec.map("strategy").unwrap().1, meta("", true, ""));
        let pod = spec.map("template").unwrap().0.map("spec").unwrap().0;
        assert_eq!(pod.list("volumes").unwrap().1, meta("merge", true, "name"));
        let (container, of_containers) = pod.list("CONTAINERS").unwrap();
        assert_eq!(of_containers, meta("merge", false, "name"));
        assert_eq!(container.list("ports").unwrap().1, meta("merge", false, "containerPort"));
        assert_eq!(container.list("args").unwrap().1, meta("", false, ""));
        assert_eq!(container.map("arguments").unwrap_err(), MergeFault::UnknownField("arguments".to_owned()));
        assert_eq!(container.list("image").unwrap_err(), MergeFault::NotAList("image".to_owned()));
        assert!(pod.map("nodeSelector").unwrap().0.map("a").is_err());
        // What Helm doesn't merge strategically.
        for (api_version, kind) in [
            ("example.com/v1", "Deployment"),
            ("apiregistration.k8s.io/v1", "APIService"),
            ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"),
        ] {
            assert!(Schema::of(api_version, kind).is_none(), "{api_version} {kind}");
        }
        assert!(Schema::of("apiextensions.k8s.io/v1", "CustomResourceDefinition").is_some());
    }
}
