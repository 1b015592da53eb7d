//! Compares two outcomes and says what differs.

use std::path::Path;

use regex_lite::Regex;
use similar::{ChangeTag, TextDiff};

use crate::job::{End, Outcome};
use crate::snapshot::FileState;

/// Lines of difference shown for one text.
const SHOWN_LINES: usize = 40;
/// Bytes of one text that are looked at for showing; comparing uses all.
const SHOWN_BYTES: usize = 1 << 20;

/// What of two outcomes may differ.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Pattern and replacement, applied to stdout and stderr of both.
    pub filters: Vec<(String, String)>,
    /// Files (by last name) whose content is not compared.
    pub ignored_files: Vec<String>,
    /// Lines are sorted before comparing (programs whose threads or children print in any order).
    pub any_order: AnyOrder,
}

/// Whether the order of lines matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnyOrder {
    /// It does.
    #[default]
    No,
    /// It does not.
    Yes,
}

/// What differs between `native` and `traced`; `None` when nothing does.
#[must_use]
pub fn difference(native: &Outcome, traced: &Outcome, rules: &Rules) -> Option<String> {
    let mut found = Vec::new();
    if native.kept.end != traced.kept.end {
        found.push(format!(
            "end: native {}, here {}",
            show_end(&native.kept.end),
            show_end(&traced.kept.end)
        ));
    }
    if native.kept.left_over.len() != traced.kept.left_over.len() {
        found
            .push(format!("left over: native {:?}, here {:?}", native.kept.left_over, traced.kept.left_over));
    }
    for (name, one, other) in
        [("stdout", &native.stdout, &traced.stdout), ("stderr", &native.stderr, &traced.stderr)]
    {
        found.extend(text_difference(name, &rules.apply(one), &rules.apply(other)));
    }
    found.extend(files_difference(native, traced, rules));
    if found.is_empty() { None } else { Some(found.join("\n")) }
}

fn show_end(end: &End) -> String {
    match end {
        End::Exited(status) => format!("exited with {status}"),
        End::Signaled(signal) => format!("died of signal {signal}"),
        End::TimedOut(place) => format!("TIMED OUT, last seen:\n{place}"),
        End::NotStarted(why) => format!("could not be started: {why}"),
    }
}

impl Rules {
    fn apply(&self, text: &[u8]) -> Vec<u8> {
        if self.filters.is_empty() && self.any_order == AnyOrder::No {
            return text.to_vec();
        }
        let mut text = String::from_utf8_lossy(text).into_owned();
        for (pattern, replacement) in &self.filters {
            let regex = Regex::new(pattern).expect("a test's filter is a valid pattern");
            text = regex.replace_all(&text, replacement.as_str()).into_owned();
        }
        if self.any_order == AnyOrder::Yes {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            text = lines.join("\n");
        }
        text.into_bytes()
    }

    fn ignores(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        self.ignored_files.iter().any(|ignored| ignored == name)
    }
}

/// The lines in which two texts differ, `-` for the native one; `None` when they are equal.
#[must_use]
pub fn text_difference(name: &str, native: &[u8], traced: &[u8]) -> Option<String> {
    if native == traced {
        return None;
    }
    let shown = |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(SHOWN_BYTES)]).into_owned();
    let (one, other) = (shown(native), shown(traced));
    let diff = TextDiff::from_lines(&one, &other);
    let mut lines = vec![format!("{name}: native {} bytes, here {} bytes", native.len(), traced.len())];
    let groups = diff.grouped_ops(2);
    for change in groups.iter().flatten().flat_map(|op| diff.iter_changes(op)) {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        lines.push(format!("  {sign}{}", change.value().trim_end_matches('\n')));
    }
    if lines.len() > SHOWN_LINES {
        let left_out = lines.len() - SHOWN_LINES;
        lines.truncate(SHOWN_LINES);
        lines.push(format!("  … {left_out} more lines"));
    }
    Some(lines.join("\n"))
}

fn files_difference(native: &Outcome, traced: &Outcome, rules: &Rules) -> Vec<String> {
    let mut found = Vec::new();
    for (path, state) in &native.files {
        match traced.files.get(path) {
            None => found.push(format!("file {}: missing here", path.display())),
            Some(other) if other == state || rules.ignores(path) => {}
            Some(other) => found.push(one_file(path, state, other)),
        }
    }
    let added = traced.files.iter().filter(|(path, _)| !native.files.contains_key(*path));
    found.extend(
        added.map(|(path, state)| format!("file {}: only here ({})", path.display(), state.describe())),
    );
    found
}

fn one_file(path: &Path, native: &FileState, traced: &FileState) -> String {
    let heads = format!("file {}: native {}, here {}", path.display(), native.describe(), traced.describe());
    match (native, traced) {
        (FileState::Regular(_, one), FileState::Regular(_, other)) => {
            format!("{heads}\n{}", text_difference("content", one, other).unwrap_or_default())
        }
        _ => heads,
    }
}
