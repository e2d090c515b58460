//! Every kind of contradiction that `repair` mends, with every driver: a dry run writes nothing, no object is touched, `undo` brings the
//! contradiction back byte for byte, and both Helms go on once it is mended.

use bed::{Driver, Major, Namespace};
use serde_json::json;

use crate::record::Record;
use crate::restore::{SMALL, lose};
use crate::ways::{Moment, fixed, helm, helms_go_on, mark, uids, unlocked};
use crate::{each, namespace, refloat, refloat_json};

/// A contradiction, and what mends it.
struct Damage {
    name: &'static str,
    /// Of two revisions, superseded and deployed.
    make: fn(&Namespace<'static>, Driver),
    /// What the repair does.
    steps: &'static [&'static str],
}

const DAMAGES: &[Damage] = &[
    Damage {
        name: "several deployed",
        make: |ns, driver| mark(ns, driver, 1, "deployed"),
        steps: &["mark revision 1 superseded"],
    },
    Damage { name: "none deployed", make: |ns, driver| lose(ns, driver, 2), steps: &["mark revision 1 deployed"] },
    Damage {
        name: "label differs",
        make: |ns, driver| label(ns, driver, "failed"),
        steps: &["mark revision 2 deployed"],
    },
    Damage {
        name: "cut off",
        make: cut_off,
        steps: &[
            "set the record of revision 2 aside, which can't be read: the backup keeps it",
            "mark revision 1 deployed",
        ],
    },
];

#[test]
fn each_contradiction_is_mended_and_comes_back() {
    let drivers = [Driver::Secret, Driver::ConfigMap, Driver::Sql];
    each(drivers.into_iter().zip([Major::V4, Major::V3, Major::V4]), |(driver, major)| {
        each(DAMAGES, |damage| {
            let what = format!("{} {driver:?}", damage.name);
            let ns = namespace("repairs", driver);
            helm(&ns, major, "install", &format!("version=1,{SMALL}"));
            helm(&ns, major, "upgrade", &format!("version=2,{SMALL}"));
            let healthy = refloat(&ns, ["fix", "web", "--with", "repair", "--yes"]);
            assert_eq!(healthy.code, Some(4), "{what}: {}", healthy.stderr);
            (damage.make)(&ns, driver);
            let there = uids(&ns);
            let before = Moment::settled(&ns);
            let dry = refloat_json(&ns, ["fix", "web", "--with", "repair", "--dry-run", "-o", "json"]);
            assert_eq!(dry["option"]["steps"], json!(damage.steps), "{what}");
            assert_eq!(
                (&dry["option"]["destructive"], &dry["option"]["effects"]),
                (&false.into(), &json!([])),
                "{what}"
            );
            assert_eq!(Moment::now(&ns).versions, before.versions, "{what}: a dry run wrote");
            fixed(&ns, "repair", &[]);
            let undone = refloat(&ns, ["undo", "--yes"]);
            assert_eq!(undone.code, Some(0), "{what}: {}", undone.stderr);
            assert_eq!(Moment::now(&ns).records, before.records, "{what}");
            fixed(&ns, "repair", &[]);
            assert_ne!(Moment::now(&ns).records, before.records, "{what}");
            unlocked(&ns);
            assert_eq!(uids(&ns), there, "{what}: an object was made anew");
            helms_go_on(&ns);
        });
    });
}

/// The label or column alone.
fn label(ns: &Namespace<'static>, driver: Driver, status: &str) {
    let record = Record::new(ns, driver, "web", 2);
    if driver == Driver::Sql {
        return sql(ns, "UPDATE releases_v1 SET status = $3 WHERE key = $1 AND namespace = $2", &[&status]);
    }
    record.label("status", Some(status));
}

fn cut_off(ns: &Namespace<'static>, driver: Driver) {
    let record = Record::new(ns, driver, "web", 2);
    if driver == Driver::Sql {
        return sql(ns, "UPDATE releases_v1 SET body = left(body, 2000) WHERE key = $1 AND namespace = $2", &[]);
    }
    record.store(&record.inner()[..2000]);
}

fn sql(ns: &Namespace<'static>, statement: &str, more: &[&(dyn postgres::types::ToSql + Sync)]) {
    let mut client = postgres::Client::connect(ns.bed.postgres().unwrap(), postgres::NoTls).unwrap();
    let place: [&(dyn postgres::types::ToSql + Sync); 2] = [&"sh.helm.release.v1.web.v2", &ns.name];
    assert_eq!(client.execute(statement, &[&place[..], more].concat()).unwrap(), 1);
}
