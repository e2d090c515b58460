//! What the cluster reports on the release's objects since the operation began: warnings about them and about what their
//! controllers make for them.

use serde_json::Value;

use super::Scene;
use crate::diagnose::case::{event_time, number, text};
use crate::report::{age, one_line};

/// Kinds of which controllers make others, whose names begin with theirs.
const MAKERS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"];
const MADE: [&str; 3] = ["ReplicaSet", "Pod", "Job"];

/// A warning.
#[derive(Debug, Clone, Copy)]
pub struct Warning<'a> {
    /// The event.
    pub event: &'a Value,
    /// What it says.
    pub message: &'a str,
    /// The kind of the object that it is about.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl Warning<'_> {
    /// The object for people.
    pub fn words(&self) -> String {
        one_line(&format!("{}/{}", self.kind.to_lowercase(), self.name))
    }

    /// When it was last seen and how often, for the end of a line.
    pub fn when(&self, scene: &Scene<'_>) -> String {
        let count = number(self.event, "/count").or_else(|| number(self.event, "/series/count")).unwrap_or(1);
        let ago = event_time(self.event).map(|at| format!("{} ago", age(scene.case.seen.at.duration_since(at))));
        match (ago, count) {
            (Some(ago), 2..) => format!("{count} times, last {ago}"),
            (Some(ago), _) => ago,
            (None, _) => format!("{count} times"),
        }
    }
}

/// Takes a scene; gives the warnings about the release's objects and hooks since its operation began, newest first.
pub fn warnings<'a>(scene: &Scene<'a>) -> Vec<Warning<'a>> {
    let mut found: Vec<Warning<'a>> = scene.case.events().filter_map(|event| warning(scene, event)).collect();
    found.sort_by_key(|warning| std::cmp::Reverse(event_time(warning.event)));
    found
}

fn warning<'a>(scene: &Scene<'a>, event: &'a Value) -> Option<Warning<'a>> {
    if text(event, "/type") != "Warning" {
        return None;
    }
    // An older one is of an older operation.
    if matches!((event_time(event), scene.operation.began), (Some(at), Some(began)) if at < began) {
        return None;
    }
    let (kind, name) = (text(event, "/involvedObject/kind"), text(event, "/involvedObject/name"));
    let namespace = text(event, "/involvedObject/namespace");
    let made_by = |maker: &str, by: &str| {
        MAKERS.contains(&maker)
            && MADE.contains(&kind)
            && name.strip_prefix(by).is_some_and(|rest| rest.starts_with('-'))
    };
    let of =
        |other: &str, place: &str, by: &str| place == namespace && (other == kind && by == name || made_by(other, by));
    let hooks = scene.operation.before.iter().chain(&scene.operation.after);
    let own = scene.case.objects.iter().any(|object| of(object.kind, object.namespace, object.name));
    let hooked = hooks.filter_map(|hook| hook.object).any(|object| {
        let place = object.namespace.as_deref().unwrap_or(&scene.case.seen.id.namespace);
        of(&object.kind, place, &object.name)
    });
    (own || hooked).then(|| Warning { event, message: text(event, "/message"), kind, name })
}
