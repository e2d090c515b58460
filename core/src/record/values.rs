//! Values as the templates saw them: the chart's defaults under the user's own.

use serde_json::{Map, Value};

/// Takes the chart's default values and the user's; gives what Helm computes from them. A null of the user's removes the
/// default (Helm 3.22 `pkg/chartutil/coalesce.go:CoalesceValues`). Subcharts aren't stored in a record, so their own
/// defaults can only come in as far as Helm merged them before storing.
pub fn coalesce(defaults: &Map<String, Value>, user: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = user.clone();
    for (key, default) in defaults {
        match (merged.get_mut(key), default) {
            (None, _) => {
                merged.insert(key.clone(), default.clone());
            }
            (Some(Value::Null), _) => {
                merged.remove(key);
            }
            (Some(Value::Object(own)), Value::Object(default)) => *own = coalesce(default, own),
            (Some(_), _) => {}
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_users_values_win_and_null_removes() {
        let table = [
            (json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"b": {"c": 9}}), json!({"a": 1, "b": {"c": 9, "d": 3}})),
            (json!({"a": 1, "b": {"c": 2}}), json!({"a": null, "b": {"c": null}}), json!({"b": {}})),
            (json!({"a": {"x": 1}}), json!({"a": "flat"}), json!({"a": "flat"})),
            (json!({"a": "flat"}), json!({"a": {"x": 1}}), json!({"a": {"x": 1}})),
            (json!({"l": [1, 2]}), json!({"l": [3]}), json!({"l": [3]})),
            (json!({}), json!({"only": true}), json!({"only": true})),
        ];
        for (defaults, user, expected) in table {
            let (Value::Object(defaults), Value::Object(user)) = (&defaults, &user) else { unreachable!() };
            assert_eq!(Value::Object(coalesce(defaults, user)), expected);
        }
    }
}
