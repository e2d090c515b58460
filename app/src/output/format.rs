//! Output formats other than tables.

use clap::ValueEnum;
use serde::Serialize;

use super::Ui;
use crate::error::Failure;
use crate::exit::Exit;

/// `-o`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    #[default]
    Table,
    /// More columns
    Wide,
    /// JSON, in Helm's field names
    Json,
    /// YAML, in Helm's field names
    Yaml,
    /// Names only
    Name,
}

impl Format {
    /// Whether it is one for programs.
    pub fn is_data(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

impl Ui {
    /// Writes a value as JSON on one line, as Helm does, or as YAML.
    pub fn data<T: Serialize>(&mut self, format: Format, value: &T) -> Result<(), Failure> {
        let broken =
            |error: &dyn std::fmt::Display| Failure::new(Exit::Bug, "the answer can't be written").because(error);
        if format == Format::Yaml {
            let text = serde_saphyr::to_string(value).map_err(|error| broken(&error))?;
            return self.write(&text);
        }
        let text = serde_json::to_string(value).map_err(|error| broken(&error))?;
        self.line(text)
    }
}
