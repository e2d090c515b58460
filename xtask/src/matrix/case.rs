//! Cases: which Helm dies when, and what is wanted then.
use super::stage::Operation;
use bed::{Major, Mode};
use std::fmt;

/// What is wanted after the kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Intent {
    /// What Helm was about is done to its end.
    Finish,
    /// Back to how it was: the last good revision, or nothing after a first install.
    GiveUp,
    /// Helm goes on to a third version of the chart.
    GoOn,
}

impl Intent {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Finish, Self::GiveUp, Self::GoOn];

    /// Those that make sense after an operation: an uninstall is finished.
    pub fn of(operation: Operation) -> &'static [Self] {
        if operation == Operation::Uninstall { &[Self::Finish] } else { &Self::ALL }
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Finish => "finish",
            Self::GiveUp => "give up",
            Self::GoOn => "go on",
        })
    }
}

/// A moment of an operation: at its write `k`, before the API server sees it or after it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// The write, from 1.
    pub k: u32,
    /// Whether the API server has answered.
    pub after: bool,
}

impl Point {
    /// Every moment of so many writes.
    pub fn all(writes: u32) -> impl Iterator<Item = Self> {
        (1..=writes).flat_map(|k| [false, true].map(|after| Self { k, after }))
    }

    /// As the bed calls it.
    pub fn mode(self) -> Mode {
        if self.after { Mode::KillAfter } else { Mode::KillBefore }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{:02}{}", self.k, if self.after { 'a' } else { 'b' })
    }
}

/// A case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    /// Which Helm.
    pub major: Major,
    /// What it was doing.
    pub operation: Operation,
    /// When it is killed.
    pub point: Point,
    /// What is wanted then.
    pub intent: Intent,
}

impl Case {
    /// Every case of an operation with so many writes.
    pub fn all(major: Major, operation: Operation, writes: u32) -> Vec<Self> {
        let points = Point::all(writes);
        points
            .flat_map(|point| Intent::of(operation).iter().map(move |&intent| Self { major, operation, point, intent }))
            .collect()
    }

    /// A few of them that lie far apart.
    pub fn few(major: Major, operation: Operation, writes: u32) -> Vec<Self> {
        let intents = Intent::of(operation);
        // The two Helms take turns, so that together they see more of it.
        let shift = u32::from(major == Major::V4);
        let points = [(2 + shift, true), (writes / 2 + shift, shift == 0), (writes, false)];
        let points = points.into_iter().enumerate();
        points
            .map(|(index, (k, after))| {
                let intent = intents.get((index + shift as usize) % intents.len()).copied().unwrap_or(Intent::Finish);
                Self { major, operation, point: Point { k: k.clamp(1, writes), after }, intent }
            })
            .collect()
    }
}

/// `h3` or `h4`.
pub fn helm(major: Major) -> &'static str {
    if major == Major::V3 { "h3" } else { "h4" }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let intent = self.intent.to_string().replace(' ', "-");
        write!(f, "{}-{}-{}-{intent}", helm(self.major), self.operation, self.point)
    }
}
