//! What a lock is held for: a way out, or a restore, which no plan ranks, as it takes a backup and not a state.

use std::fmt;

use refloat_core::plan::Way;
use refloat_core::rescue::RESTORE;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What whoever holds a release's lock is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Task {
    /// A way out.
    Way(Way),
    /// Putting back what was lost.
    Restore,
}

impl Task {
    /// Takes its word, as a journal and a backup have it.
    pub fn parse(word: &str) -> Option<Self> {
        if word == RESTORE {
            return Some(Self::Restore);
        }
        serde_json::from_value(Value::String(word.to_owned())).ok().map(Self::Way)
    }
}

impl TryFrom<String> for Task {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        Self::parse(&word).ok_or_else(|| format!("unknown task {word}"))
    }
}

impl From<Task> for String {
    fn from(task: Task) -> Self {
        task.to_string()
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Way(way) => way.fmt(f),
            Self::Restore => f.pad(RESTORE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for task in Way::ALL.into_iter().map(Task::Way).chain([Task::Restore]) {
            assert_eq!(Task::parse(&task.to_string()), Some(task));
            let word = serde_json::to_value(task).unwrap();
            assert_eq!(serde_json::from_value::<Task>(word).unwrap(), task);
        }
        assert_eq!(Task::parse("magic"), None);
    }
}
