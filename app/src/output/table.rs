//! Tables as kubectl draws them: upper-case headings, columns three blanks apart, no lines.

use refloat_core::report::one_line;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};

/// Takes headings and rows; gives the aligned text, cleaned of anything a terminal would obey.
pub fn table<const N: usize>(headings: Option<[&str; N]>, rows: &[[String; N]]) -> String {
    let mut builder = Builder::default();
    if let Some(headings) = headings {
        builder.push_record(headings);
    }
    for row in rows {
        builder.push_record(row.iter().map(|cell| one_line(cell)));
    }
    let drawn = builder.build().with(Style::empty()).with(Padding::new(0, 3, 0, 0)).to_string();
    drawn.lines().map(str::trim_end).fold(String::new(), |text, line| text + line + "\n")
}

/// Whether a table's lines end before a terminal's do. Without a terminal nothing is too wide.
pub fn fits(drawn: &str, width: Option<usize>) -> bool {
    width.is_none_or(|width| drawn.lines().all(|line| line.chars().count() <= width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_clean() {
        let rows = [
            ["web".to_owned(), "größe".to_owned(), String::new()],
            ["a-long-name".to_owned(), "x".to_owned(), "y\u{1b}[2J".to_owned()],
        ];
        let expected = "NAME          SIZE    NOTE\nweb           größe\na-long-name   x       y [2J\n";
        assert_eq!(table(Some(["NAME", "SIZE", "NOTE"]), &rows), expected);
    }

    #[test]
    fn no_rows_leave_the_headings() {
        assert_eq!(table::<2>(Some(["A", "B"]), &[]), "A   B\n");
    }
}
