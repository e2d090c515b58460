//! Foreign text made safe for a terminal: chart names, descriptions and labels are other people's words.

/// Takes any text; gives it with control characters (escape sequences, new lines) replaced by blanks, on one line.
pub fn one_line(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes any text; gives it with its lines and blanks, every other control character replaced by a blank.
pub fn many_lines(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) && c != '\n' && c != '\t' { ' ' } else { c }).collect()
}

/// Takes any text; gives at most `width` characters of it on one line, the cut marked.
pub fn shortened(text: &str, width: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= width {
        return line;
    }
    let cut: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// Control characters, and the marks that turn the direction of writing and so hide what follows.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Takes a number and a word that forms its plural with an s; gives both: `1 object`, `0 objects`.
pub fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_power() {
        assert_eq!(one_line("a\u{1b}[31mb\r\nc\td\u{202e}e"), "a [31mb c d e");
        assert_eq!(many_lines("a:\n  \u{1b}[31mb\r\n\tc"), "a:\n   [31mb \n\tc");
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!(shortened("übergröße", 4), "übe…");
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "object")), ["0 objects", "1 object", "2 objects"]);
    }
}
