//! Records that name API versions which are gone: Helm refuses everything until they are mended.

use bed::Major;
use bed::corpus::Scenario;
use serde_json::Value;

use crate::ways::{Moment, fixed, unlocked};
use crate::{each, refloat, refloat_json};

#[test]
fn what_helm_refused_for_a_version_goes_on_after_repair() {
    each([("api-removed-deployed", Major::V4), ("api-removed-uninstall", Major::V3)], |(id, major)| {
        let ns = bed::Bed::shared().namespace("versions").unwrap();
        let scenario = Scenario::all().into_iter().find(|scenario| scenario.id == id).unwrap();
        let made = scenario.make(&ns, major).unwrap();
        let before = Moment::settled(&ns);
        let dry = refloat_json(&ns, ["fix", "web", "--with", "repair", "--dry-run", "-o", "json"]);
        let steps = dry["option"]["steps"].to_string();
        assert!(steps.contains("/v1 for ") && steps.contains("/v1alpha1 of Widget"), "{steps}");
        assert_eq!(Moment::now(&ns).versions, before.versions);

        let done = fixed(&ns, "repair", &[]);
        let back = refloat(&ns, ["undo", done["id"].as_str().unwrap(), "--yes"]);
        assert_eq!((back.code, Moment::now(&ns).records), (Some(0), before.records), "{}", back.stderr);
        fixed(&ns, "repair", &[]);
        assert_eq!(Moment::now(&ns).objects, before.objects);
        unlocked(&ns);
        let manifest = refloat(&ns, ["get", "manifest", "web"]).stdout;
        assert!(!manifest.contains("v1alpha1"), "{manifest}");
        // Helm doesn't stop at it any more, and takes the object away with the rest.
        let group = manifest.lines().find_map(|line| line.split('"').find(|part| part.ends_with(".example.com/v1")));
        let widgets = format!("/apis/{}/namespaces/{}/widgets", group.unwrap(), ns.name);
        assert_eq!(ns.get(&widgets).unwrap()["items"].as_array().map(Vec::len), Some(1));
        ns.helm(major, ["uninstall", "web"]).unwrap().ok().unwrap();
        assert_eq!(ns.get(&widgets).unwrap()["items"], Value::Array(Vec::new()));
        drop(made);
    });
}
