//! Text in quotes.

use alloc::string::String;
use alloc::vec::Vec;

/// The bytes that a quotation stands for, quotes included in `text`; `None` for an unknown escape.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    let inner = text.get(1..text.len().checked_sub(1)?)?;
    let mut chars = inner.chars();
    let mut bytes = Vec::new();
    while let Some(c) = chars.next() {
        if c == '\\' {
            bytes.push(escape(&mut chars)?);
        } else {
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Some(bytes)
}

const ESCAPES: [(char, u8); 8] = [
    ('n', b'\n'),
    ('t', b'\t'),
    ('r', b'\r'),
    ('0', 0),
    ('e', 0x1b),
    ('\\', b'\\'),
    ('\'', b'\''),
    ('"', b'"'),
];

/// What stands behind a backslash: one character, or `x` and two digits.
fn escape(chars: &mut core::str::Chars<'_>) -> Option<u8> {
    let c = chars.next()?;
    if c == 'x' {
        let digits: String = chars.by_ref().take(2).collect();
        return u8::from_str_radix(&digits, 16).ok();
    }
    ESCAPES.iter().find(|(escape, _)| *escape == c).map(|(_, byte)| *byte)
}

/// The number that a quotation stands for: its bytes, the first the lowest.
pub(crate) fn number(text: &str) -> Option<u64> {
    let bytes = bytes(text)?;
    let mut word = [0; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    (!bytes.is_empty()).then(|| u64::from_le_bytes(word))
}
