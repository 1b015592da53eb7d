//! Sizes of operands and their names.

/// Sizes that have a name, in the order in which one is taken when none is given: what people mean by an
/// operand of unknown size, first.
pub(crate) const KEYWORDS: [(&str, usize); 9] = [
    ("dword", 4),
    ("qword", 8),
    ("byte", 1),
    ("word", 2),
    ("xmmword", 16),
    ("ymmword", 32),
    ("zmmword", 64),
    ("fword", 6),
    ("tbyte", 10),
];

/// Other names for them, and names of sizes that leave nothing open.
const SYNONYMS: [(&str, usize); 12] = [
    ("mmword", 8),
    ("oword", 16),
    ("yword", 32),
    ("zword", 64),
    ("tword", 10),
    ("pword", 6),
    ("mem384", 48),
    ("mem512", 64),
    ("fpuenv14", 14),
    ("fpuenv28", 28),
    ("fpustate94", 94),
    ("fpustate108", 108),
];

/// The size that a word names.
pub(crate) fn parse(word: &str) -> Option<usize> {
    let named = KEYWORDS.iter().chain(&SYNONYMS);
    named.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, bytes)| *bytes)
}

/// The name of a size.
pub(crate) fn keyword(bytes: usize) -> Option<&'static str> {
    Some(KEYWORDS[rank(bytes)?].0)
}

/// Whether there is a word for a size.
pub(crate) fn is_named(bytes: usize) -> bool {
    KEYWORDS.iter().chain(&SYNONYMS).any(|(_, named)| *named == bytes)
}

/// The place of a size in the order in which one is taken.
pub(crate) fn rank(bytes: usize) -> Option<usize> {
    KEYWORDS.iter().position(|(_, named)| *named == bytes)
}

/// A set of sizes as bits; those without a name are in none.
pub(crate) fn bit(bytes: usize) -> u16 {
    rank(bytes).map_or(0, |rank| 1 << rank)
}

pub(crate) fn of_bits(bits: u16) -> impl Iterator<Item = usize> {
    KEYWORDS.into_iter().enumerate().filter(move |(rank, _)| bits >> rank & 1 != 0).map(|(_, named)| named.1)
}
