//! Instructions typed as bytes.

use midstride_syntax::{directives, mnemonics};

/// The bytes that a line of hex digits stands for: in pairs, blanks between them or not. A line that begins with
/// the name of an instruction or directive is none.
#[must_use]
pub(crate) fn parse(text: &str) -> Option<Vec<u8>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let first = words.first()?;
    let is_pair =
        |word: &&str| word.len().is_multiple_of(2) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_name = first.len() > 2 && mnemonics().any(|name| name.eq_ignore_ascii_case(first));
    let is_directive = words.len() > 1 && directives().any(|name| name.eq_ignore_ascii_case(first));
    if is_name || is_directive || !words.iter().all(is_pair) {
        return None;
    }
    let digits = words.concat();
    let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
    pairs.collect::<Result<_, _>>().ok()
}

/// Bytes as a line of source.
pub(crate) fn directive(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:#04x}")).collect();
    format!(".code {}", bytes.join(","))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn pairs_of_digits_are_bytes() {
        assert_eq!(parse("48 01 d8"), Some(vec![0x48, 1, 0xd8]));
        assert_eq!(parse("4801D8"), Some(vec![0x48, 1, 0xd8]));
        assert_eq!(parse("db"), Some(vec![0xdb]));
    }

    #[test]
    fn instructions_and_directives_are_none() {
        for text in ["fadd", "db 90", "add", "90 9", "nop", "", "48 x1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
