//! Sentences broken where a terminal's lines end, so that what belongs together stays under one edge.

/// The narrowest column that text is squeezed into.
const NARROWEST: usize = 20;

/// Takes text that starts `indent` columns from the left; gives it broken between words at `width`, every line after
/// the first moved in as far. Words are never cut, and without a width nothing is. Colours take no room, and must begin and
/// end within a line.
pub fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let room = width.saturating_sub(indent).max(NARROWEST);
    broken(text, room, room, indent)
}

/// The same for text that begins at the left edge, with blanks of its own if it does: only what follows is moved in.
pub fn hanging(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let words = text.trim_start_matches(' ');
    let lead = text.len() - words.len();
    let room = |used: usize| width.saturating_sub(used).max(NARROWEST);
    format!("{:lead$}{}", "", broken(words, room(lead), room(indent), indent))
}

/// Breaks text after `first` columns, and then after every `rest`.
fn broken(text: &str, first: usize, rest: usize, indent: usize) -> String {
    let mut lines = vec![String::new()];
    let (mut used, mut room) = (0, first);
    for word in text.split(' ') {
        let wide = anstream::adapter::strip_str(word).to_string().chars().count();
        if used > 0 && used + 1 + wide > room {
            lines.push(String::new());
            (used, room) = (0, rest);
        }
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += wide;
    }
    lines.join(&format!("\n{:indent$}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words() {
        let text = "no longer than this, größer auch nicht";
        assert_eq!(wrapped(text, 4, Some(24)), "no longer than this,\n    größer auch nicht");
        assert_eq!(wrapped(text, 4, Some(25)), "no longer than this,\n    größer auch nicht");
        assert_eq!(wrapped(text, 0, None), text);
        assert_eq!(wrapped("short", 2, Some(80)), "short");
        assert_eq!(wrapped("", 2, Some(80)), "");
        let bold = "\u{1b}[1m";
        assert_eq!(
            wrapped(&format!("{bold}no longer than this, größer"), 4, Some(24)),
            format!("{bold}no longer than this,\n    größer")
        );
    }

    #[test]
    fn what_begins_at_the_edge_has_the_whole_first_line() {
        let text = "no longer than this, größer auch nicht, nirgends";
        assert_eq!(hanging(text, 4, Some(27)), "no longer than this, größer\n    auch nicht, nirgends");
        assert_eq!(hanging("  - one two three four five six", 4, Some(26)), "  - one two three four\n    five six");
        assert_eq!(hanging("  - one", 4, None), "  - one");
        assert_eq!(hanging("DEEP       a  b", 11, Some(80)), "DEEP       a  b");
    }

    #[test]
    fn words_are_never_cut() {
        let long = "refloat-backup-0123456789abcdef";
        assert_eq!(wrapped(&format!("a {long} b"), 2, Some(10)), format!("a\n  {long}\n  b"));
    }
}
