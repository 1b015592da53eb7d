//! Completion, and when a line is whole.

use midstride_lab::specs;
use midstride_syntax::{directives, mnemonics, prefixes, registers};
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Result};

/// What the line editor asks.
#[derive(Default)]
pub(crate) struct Helper {
    /// Labels of the program.
    pub(crate) labels: Vec<String>,
}

impl rustyline::Helper for Helper {}
impl Highlighter for Helper {}

impl Completer for Helper {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> Result<(usize, Vec<String>)> {
        Ok(complete(line, at, &self.labels))
    }
}

impl Hinter for Helper {
    type Hint = String;
}

impl Validator for Helper {
    /// A line that ends with a backslash goes on in the next.
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        let open = context.input().ends_with('\\');
        Ok(if open { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

/// Words for sizes, where operands stand.
const SIZES: [&str; 9] = [
    "byte ptr",
    "word ptr",
    "dword ptr",
    "qword ptr",
    "xmmword ptr",
    "ymmword ptr",
    "zmmword ptr",
    "short",
    "offset",
];

/// Where the word at `at` starts, and what it may become.
fn complete(line: &str, at: usize, labels: &[String]) -> (usize, Vec<String>) {
    let before = &line[..at];
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '?' | '@');
    let start = before.trim_end_matches(is_word).len();
    let word = before[start..].to_ascii_lowercase();
    let candidates = candidates(before[..start].trim_end(), labels).into_iter();
    let mut found: Vec<String> =
        candidates.filter(|name| name.starts_with(&word)).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    (start, found)
}

/// What can stand behind `front`.
fn candidates<'l>(front: &str, labels: &'l [String]) -> Vec<&'l str> {
    let statement = front.rsplit([';', ':', '\n']).next().unwrap_or_default().trim();
    let is_prefix = prefixes().any(|prefix| prefix == statement);
    match statement {
        "" => {
            let commands = specs().map(|spec| spec.names[0]).filter(|_| front.is_empty());
            commands.chain(mnemonics()).chain(prefixes()).chain(directives()).collect()
        }
        "help" => specs().map(|spec| spec.names[0]).chain(["syntax"]).chain(mnemonics()).collect(),
        "backend" => vec!["signal", "ptrace", "translated"],
        "asm" | "bench" => mnemonics().collect(),
        _ if is_prefix => mnemonics().collect(),
        _ => {
            let mut names: Vec<&str> = labels.iter().map(String::as_str).collect();
            for name in registers().chain(SIZES) {
                names.push(name);
            }
            names
        }
    }
}

#[cfg(test)]
mod tests {
    use super::complete;

    fn completed(line: &str) -> (usize, Vec<String>) {
        complete(line, line.len(), &["table".to_owned(), "loop.next".to_owned()])
    }

    #[test]
    fn the_first_word_is_a_command_or_an_instruction() {
        assert_eq!(completed("rel").1, ["reload"]);
        assert!(completed("vaddp").1.contains(&"vaddps".to_owned()));
        assert_eq!(completed("x: vfmadd231p").1, ["vfmadd231pd", "vfmadd231ph", "vfmadd231ps"]);
        assert_eq!(completed("nop; rel").1, [""; 0]);
        assert!(completed("lock xad").1.contains(&"xadd".to_owned()));
    }

    #[test]
    fn operands_are_registers_and_labels() {
        assert_eq!(completed("mov eax, [tab"), (10, vec!["table".to_owned()]));
        assert_eq!(completed("jmp loop.").1, ["loop.next"]);
        assert!(completed("add r1").1.contains(&"r10d".to_owned()));
        assert_eq!(completed("backend pt").1, ["ptrace"]);
        assert_eq!(completed("help reloa").1, ["reload"]);
    }

    #[test]
    fn completion_survives_any_place() {
        let line = "é mov é, ü; [ ";
        for (at, _) in line.char_indices() {
            assert!(complete(line, at, &[]).0 <= at);
        }
    }
}
