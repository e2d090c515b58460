//! Names in plain sight: what the bundle can't do without, and what everything is found by.

use serde_json::Value;

use crate::bundle::Bundle;
use crate::record::StoredRecord;

/// Words of Helm's that are compared, not only shown (Helm 3.22 and 4.3 `pkg/release`).
const WORDS: &str = "unknown deployed uninstalled superseded failed uninstalling pending-install pending-upgrade pending-rollback \
    pre-install post-install pre-delete post-delete pre-upgrade post-upgrade pre-rollback post-rollback test test-success \
    hook-succeeded hook-failed before-hook-creation Unknown Running Succeeded Failed application library helm";

/// Words by which servers say how something is, and what an object is called.
const SERVERS: [&str; 9] =
    ["kind", "apiVersion", "reason", "phase", "type", "image", "resourceVersion", "uid", "creationTimestamp"];

/// Takes a bundle; gives its names in one text, a line each.
pub(super) fn names(bundle: &Bundle) -> String {
    let mut names = WORDS.split(' ').collect::<Vec<_>>().join("\n");
    let mut add = |name: &str| {
        names.push('\n');
        names.push_str(name);
    };
    for record in &bundle.records {
        of_record(record, &mut add);
    }
    for (path, answer) in &bundle.answers {
        add(path);
        if let Some(value) = answer.found() {
            of_objects(value, &mut add);
        }
    }
    names
}

fn of_record(record: &StoredRecord, add: &mut impl FnMut(&str)) {
    let meta = &record.meta;
    [&meta.id.namespace, &meta.id.key, &meta.guard.uid, &meta.guard.version].into_iter().for_each(|name| add(name));
    let labels = [&meta.name, &meta.owner, &meta.status, &meta.revision, &meta.record_type];
    labels.into_iter().flatten().for_each(|name| add(name));
    meta.custom.iter().for_each(|(key, value)| {
        add(key);
        add(value);
    });
    of_objects(&record.object, add);
    if let Ok(head) = record.head() {
        [Some(&head.name), head.chart_name.as_ref(), head.chart_version.as_ref(), head.app_version.as_ref()]
            .into_iter()
            .flatten()
            .for_each(|name| add(name));
    }
}

/// Names of objects, and the words of servers about them.
fn of_objects(value: &Value, add: &mut impl FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| of_objects(item, add)),
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("metadata", Value::Object(metadata)) => {
                        for key in ["name", "namespace", "generateName", "uid", "resourceVersion", "creationTimestamp"]
                        {
                            add(metadata.get(key).and_then(Value::as_str).unwrap_or_default());
                        }
                        let labels = metadata.get("labels").and_then(Value::as_object).into_iter().flatten();
                        labels.for_each(|(key, value)| {
                            add(key);
                            add(value.as_str().unwrap_or_default());
                        });
                    }
                    (key, Value::String(text)) if SERVERS.contains(&key) && !text.contains(char::is_whitespace) => {
                        add(text);
                    }
                    // What Secrets and ConfigMaps hold is no name.
                    ("data" | "stringData" | "binaryData", _) => {}
                    (_, value) => of_objects(value, add),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Answer;
    use crate::record::Driver;
    use serde_json::json;

    #[test]
    fn names_are_gathered_and_contents_are_not() {
        let mut bundle = Bundle::new(Driver::Secret, Vec::new(), jiff::Timestamp::UNIX_EPOCH, Default::default());
        let pod = json!({
            "kind": "Pod", "metadata": {"name": "web-0", "labels": {"app": "web-app"}, "annotations": {"a": "private"}},
            "spec": {"containers": [{"image": "r.io/web:1", "env": [{"name": "A", "value": "private"}]}]},
            "data": {"type": "private"}
        });
        bundle.answers.insert("/api/v1/namespaces/shop/pods/web-0".into(), Answer::Found(pod));
        let names = names(&bundle);
        for name in ["web-0", "web-app", "r.io/web:1", "Pod", "/api/v1/namespaces/shop/pods/web-0", "pending-upgrade"] {
            assert!(names.lines().any(|line| line == name), "{name}");
        }
        assert!(!names.contains("private"));
    }
}
