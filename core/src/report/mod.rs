//! How what was found is put into words: times, ages and cleaned text. No colours and no columns; the terminal is the
//! application's.

mod text;
mod time;

pub use text::*;
pub use time::*;
