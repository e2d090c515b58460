//! A pasted file cut into sections: one per command that was typed, if the file is what a terminal showed.

/// A part of a file: what one command printed, as far as can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    /// The line of the file on which its text begins, from 1.
    pub line: usize,
    /// The words of the command, if they were pasted along: `["kubectl", "get", "pods"]`.
    pub words: Vec<&'a str>,
    /// What it printed.
    pub text: &'a str,
}

/// Takes a file's text; gives its sections in order, those of blanks left out.
pub fn sections(text: &str) -> Vec<Section<'_>> {
    let mut found = Vec::new();
    let mut open = Section { line: 1, words: Vec::new(), text: "" };
    let (mut start, mut at, mut before) = (0, 0, true);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let end = at + line.len();
        if let Some(words) = typed(line, before) {
            open.text = text.get(start..at).unwrap_or_default();
            found.push(open);
            open = Section { line: number + 2, words, text: "" };
            (start, before) = (end, false);
        }
        before &= line.trim().is_empty();
        at = end;
    }
    open.text = text.get(start..).unwrap_or_default();
    found.push(open);
    found.retain(|section| !section.text.trim().is_empty() || !section.words.is_empty());
    found
}

/// The words of a line that is a prompt and perhaps a command. Without a prompt only a file's first line counts: further down
/// it may be an instruction in a chart's notes.
fn typed(line: &str, first: bool) -> Option<Vec<&str>> {
    let line = line.trim_end();
    let prompt = line.char_indices().find(|(_, c)| PROMPTS.contains(c));
    let (before, sign, rest) =
        match prompt.and_then(|(at, c)| Some((line.get(..at)?, c, line.get(at + c.len_utf8()..)?))) {
            Some(parts) => parts,
            None if first => ("", ' ', line),
            None => return None,
        };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let ours = matches!(words.first(), Some(&("helm" | "kubectl" | "oc" | "k")));
    let whole: Vec<&str> = line.split_whitespace().collect();
    if first && matches!(whole.first(), Some(&("helm" | "kubectl" | "oc" | "k"))) {
        return Some(whole);
    }
    if sign == ' ' || !(rest.is_empty() || rest.starts_with(' ')) {
        return None;
    }
    is_prompt(before, sign, ours).then_some(words)
}

/// What a prompt may end with.
const PROMPTS: [char; 5] = ['$', '%', '❯', '#', '>'];

/// Whether what stands before the sign can be a prompt: nothing, or a place. A bare `#` begins a comment and a bare `>` a
/// quotation; notes, scripts and values are indented.
fn is_prompt(before: &str, sign: char, ours: bool) -> bool {
    if before.is_empty() {
        return matches!(sign, '$' | '%' | '❯');
    }
    let place = before.len() <= 200
        && before.starts_with(|c: char| c.is_alphanumeric() || "[(~/".contains(c))
        && before.contains(['@', ':', '~', '/', '['])
        && !before.contains(['"', '\'', '{', '=', '|']);
    place && (ours || (before.contains('@') && !before.contains(": ")))
}

/// The value of a flag among words: `-n shop`, `-n=shop`, `-nshop`, `--namespace=shop`.
pub fn flag<'a>(words: &[&'a str], short: &str, long: &str) -> Option<&'a str> {
    words.iter().enumerate().find_map(|(at, word)| {
        if *word == long || (!short.is_empty() && *word == short) {
            return words.get(at + 1).copied();
        }
        let with = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
        let attached = || {
            let rest = word.strip_prefix(short).filter(|_| !short.is_empty() && !word.starts_with("--"))?;
            Some(rest.strip_prefix('=').unwrap_or(rest)).filter(|rest| !rest.is_empty())
        };
        with.or_else(attached)
    })
}

/// The words of a command that are no flags and no flags' values, up to where its output is sent elsewhere.
pub fn positional<'a>(words: &[&'a str]) -> Vec<&'a str> {
    const WITH_VALUE: [&str; 12] = [
        "-n",
        "--namespace",
        "-o",
        "--output",
        "--context",
        "--kube-context",
        "--kubeconfig",
        "--revision",
        "--max",
        "-l",
        "--selector",
        "--field-selector",
    ];
    let mut found = Vec::new();
    let mut skip = false;
    for word in words.iter().take_while(|word| !word.starts_with(['>', '|', '<', '&', ';'])) {
        match word {
            _ if skip => skip = false,
            word if word.starts_with('-') => skip = WITH_VALUE.contains(word),
            word => found.push(*word),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_commands_is_one_section() {
        let text = "\napiVersion: apps/v1 # which\nkind: Pod # ada@example.com\nowner: a@b.c # x\n# kubectl get pods\n  $ kubectl get\n> kubectl get pods\n";
        assert_eq!(sections(text), [Section { line: 1, words: vec![], text }]);
        assert_eq!(sections(" \n\n"), []);
    }

    #[test]
    fn prompts_cut_a_transcript() {
        let text = "$ helm history web -n shop\nREVISION\n1\n\nada@laptop:~/src$ kubectl get pods\n{}\nada@laptop:~$ ls\nx\n[root@m ~]# helm status web\nNAME: web\n$ \nmore";
        let cut = sections(text);
        let told: Vec<_> = cut.iter().map(|it| (it.line, it.words.join(" "), it.text)).collect();
        assert_eq!(
            told,
            [
                (2, "helm history web -n shop".to_owned(), "REVISION\n1\n\n"),
                (6, "kubectl get pods".to_owned(), "{}\n"),
                (8, "ls".to_owned(), "x\n"),
                (10, "helm status web".to_owned(), "NAME: web\n"),
                (12, String::new(), "more"),
            ]
        );
    }

    #[test]
    fn the_first_line_needs_no_prompt_and_later_ones_do() {
        let cut = sections("\nhelm status web\nNAME: web\nNOTES:\nkubectl get pods\nhelm test web\n");
        assert_eq!(cut.len(), 1, "{cut:?}");
        assert_eq!(cut[0].words, ["helm", "status", "web"]);
        assert_eq!(cut[0].text, "NAME: web\nNOTES:\nkubectl get pods\nhelm test web\n");
    }

    #[test]
    fn flags_are_found_in_every_spelling() {
        for words in ["-n shop", "-nshop", "-n=shop", "--namespace shop", "--namespace=shop"] {
            let words: Vec<_> = words.split(' ').collect();
            assert_eq!(flag(&words, "-n", "--namespace"), Some("shop"), "{words:?}");
        }
        assert_eq!(flag(&["--name", "-n"], "-n", "--namespace"), None);
        let words: Vec<_> = "kubectl get po,svc -n shop -A -o yaml --context=a | grep x".split(' ').collect();
        assert_eq!(positional(&words), ["kubectl", "get", "po,svc"]);
    }
}
