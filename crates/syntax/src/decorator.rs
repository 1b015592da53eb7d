//! Words in braces, and prefixes.

use iced_x86::{EncodingKind, Register, RoundingControl};

use crate::error::{Error, ErrorKind};
use crate::registers;
use crate::span::Span;

/// What a word in braces asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decorator {
    /// `{k1}`
    Mask(Register),
    /// `{z}`
    Zero,
    /// `{1to16}`
    Broadcast(usize),
    /// `{rn-sae}`
    Rounding(RoundingControl),
    /// `{sae}`
    Quiet,
    /// `{evex}`
    Encoding(EncodingKind),
}

const WORDS: [(&str, Decorator); 14] = [
    ("z", Decorator::Zero),
    ("sae", Decorator::Quiet),
    ("rn-sae", Decorator::Rounding(RoundingControl::RoundToNearest)),
    ("rd-sae", Decorator::Rounding(RoundingControl::RoundDown)),
    ("ru-sae", Decorator::Rounding(RoundingControl::RoundUp)),
    ("rz-sae", Decorator::Rounding(RoundingControl::RoundTowardZero)),
    ("1to2", Decorator::Broadcast(2)),
    ("1to4", Decorator::Broadcast(4)),
    ("1to8", Decorator::Broadcast(8)),
    ("1to16", Decorator::Broadcast(16)),
    ("1to32", Decorator::Broadcast(32)),
    ("vex", Decorator::Encoding(EncodingKind::VEX)),
    ("vex3", Decorator::Encoding(EncodingKind::VEX)),
    ("evex", Decorator::Encoding(EncodingKind::EVEX)),
];

impl Decorator {
    /// Reads a word with its braces.
    pub(crate) fn parse(text: &str, span: Span) -> Result<Self, Error> {
        let word = text.trim_start_matches('{').trim_end_matches('}').trim();
        let named = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
        let mask = || registers::find(word).filter(|register| register.is_k()).map(Self::Mask);
        let found = named.map(|(_, decorator)| *decorator).or_else(mask);
        found.ok_or(Error::new(span, ErrorKind::UnknownDecorator))
    }
}

/// A prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Prefix {
    Lock,
    Rep,
    Repne,
    Xacquire,
    Xrelease,
    Bnd,
    Notrack,
    Taken,
    NotTaken,
    Segment(Register),
    /// Bits of the operation.
    Operation(u32),
    /// Bits of addresses.
    Address(u32),
}

const PREFIXES: [(&str, Prefix); 31] = [
    ("lock", Prefix::Lock),
    ("rep", Prefix::Rep),
    ("repe", Prefix::Rep),
    ("repz", Prefix::Rep),
    ("repne", Prefix::Repne),
    ("repnz", Prefix::Repne),
    ("xacquire", Prefix::Xacquire),
    ("xrelease", Prefix::Xrelease),
    ("bnd", Prefix::Bnd),
    ("notrack", Prefix::Notrack),
    ("ht", Prefix::Taken),
    ("hnt", Prefix::NotTaken),
    ("es", Prefix::Segment(Register::ES)),
    ("cs", Prefix::Segment(Register::CS)),
    ("ss", Prefix::Segment(Register::SS)),
    ("ds", Prefix::Segment(Register::DS)),
    ("fs", Prefix::Segment(Register::FS)),
    ("gs", Prefix::Segment(Register::GS)),
    ("data16", Prefix::Operation(16)),
    ("data32", Prefix::Operation(32)),
    ("data64", Prefix::Operation(64)),
    ("o16", Prefix::Operation(16)),
    ("o32", Prefix::Operation(32)),
    ("o64", Prefix::Operation(64)),
    ("addr16", Prefix::Address(16)),
    ("addr32", Prefix::Address(32)),
    ("addr64", Prefix::Address(64)),
    ("a16", Prefix::Address(16)),
    ("a32", Prefix::Address(32)),
    ("a64", Prefix::Address(64)),
    ("rex.w", Prefix::Operation(64)),
];

/// Prefixes whose names are several words to the lexer.
pub(crate) const HYPHENATED: [(&[&str], Prefix); 2] =
    [(&["hint", "taken"], Prefix::Taken), (&["hint", "not", "taken"], Prefix::NotTaken)];

impl Prefix {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let named = PREFIXES.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
        named.map(|(_, prefix)| *prefix)
    }
}

/// The names of all prefixes.
pub fn prefixes() -> impl Iterator<Item = &'static str> {
    PREFIXES.into_iter().map(|(name, _)| name)
}
