//! Helm's tables: `helm history`, `helm list`.
//!
//! Columns are found by tabs, as Helm prints them, or, where a terminal or a mail made blanks of these, by where the
//! headings stand.

/// A table's rows, each a list of its cells in the order of the headings that were asked for.
pub struct Rows<'a> {
    /// The cells of each row, trimmed.
    pub rows: Vec<Vec<&'a str>>,
    /// Lines that are no rows, counted from the table's first, which is 0.
    pub odd: Vec<usize>,
}

/// Whether a line is the head of a table with these columns.
pub fn is_head(line: &str, headings: &[&str]) -> bool {
    let mut rest = line;
    headings.iter().all(|heading| {
        rest = rest.trim_start();
        rest.strip_prefix(heading).is_some_and(|after| {
            rest = after;
            after.is_empty() || after.starts_with([' ', '\t'])
        })
    })
}

/// Takes a table that begins with these headings; gives its rows.
pub fn rows<'a>(text: &'a str, headings: &[&str]) -> Rows<'a> {
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let starts = starts(head, headings);
    let (mut rows, mut odd) = (Vec::new(), Vec::new());
    for (number, line) in lines.enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let cells: Vec<&str> = match line.contains('\t') {
            true => line.splitn(headings.len(), '\t').map(str::trim).collect(),
            false => cut(line, &starts),
        };
        if cells.len() == headings.len() { rows.push(cells) } else { odd.push(number + 1) }
    }
    Rows { rows, odd }
}

/// The column, counted in characters, at which each heading begins.
fn starts(head: &str, headings: &[&str]) -> Vec<usize> {
    let mut from = 0;
    let found = headings.iter().map(|heading| {
        let at = head.get(from..).and_then(|rest| rest.find(heading)).map_or(from, |at| from + at);
        from = at + heading.len();
        head.get(..at).unwrap_or_default().chars().count()
    });
    found.collect()
}

/// A line cut at these columns; nothing if a cell reaches over its end, as then the columns aren't where they should be.
fn cut<'a>(line: &'a str, starts: &[usize]) -> Vec<&'a str> {
    let byte = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let mut cells = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(line.len(), |next| byte(*next));
        let start = byte(*start);
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        if before.is_some_and(|c| !c.is_whitespace()) {
            return Vec::new();
        }
        cells.push(line.get(start..end).unwrap_or_default().trim());
    }
    cells
}

/// Takes `2026-11-21 15:02:15.5 +0100 CET`, as `helm list` shows it; gives it as RFC 3339.
pub fn from_go(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (date, time, offset) = (words.next()?, words.next()?, words.next()?);
    let (hours, minutes) = (offset.get(..3)?, offset.get(3..)?);
    let text = format!("{date}T{time}{hours}:{minutes}");
    text.parse::<jiff::Timestamp>().ok().map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: [&str; 6] = ["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "DESCRIPTION"];

    #[test]
    fn tabs_and_blanks_are_read_alike() {
        let tabs = "REVISION\tUPDATED                 \tSTATUS    \tCHART    \tAPP VERSION\tDESCRIPTION     \n1       \tSat Nov 21 15:02:12 2026\tsuperseded\tapp-1.0.0\t           \tInstall complete\n";
        for text in [tabs.to_owned(), tabs.replace('\t', " "), tabs.replace('\t', "  ").replace('\n', "\r\n")] {
            assert!(is_head(text.lines().next().unwrap(), &HISTORY), "{text}");
            let rows = rows(&text, &HISTORY).rows;
            assert_eq!(
                rows,
                [["1", "Sat Nov 21 15:02:12 2026", "superseded", "app-1.0.0", "", "Install complete"]],
                "{text}"
            );
        }
    }

    #[test]
    fn lines_that_are_no_rows_are_told() {
        let text = "REVISION UPDATED STATUS CHART APP VERSION DESCRIPTION\n1        Sat Nov 21 15:02:12 2026 superseded\n\n\tx\n";
        let rows = rows(text, &HISTORY);
        assert!(rows.rows.is_empty());
        assert_eq!(rows.odd, [1, 3]);
        assert!(!is_head("REVISIONS UPDATED", &HISTORY) && !is_head("", &HISTORY));
    }

    #[test]
    fn times_are_read() {
        let go = from_go("2026-11-21 15:02:15.535988778 +0100 CET");
        assert_eq!(go.as_deref(), Some("2026-11-21T15:02:15.535988778+01:00"));
        assert_eq!(from_go("2026-11-21 15:02:15 UTC"), None);
    }
}
