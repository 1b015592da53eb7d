//! Why a text is not assembled, and where.

use alloc::string::String;
use core::fmt;

use iced_x86::{Code, OpCodeOperandKind};

use crate::shape;
use crate::size;
use crate::span::Span;

/// What is wrong, and which part of the source it is about.
///
/// ```
/// let source = "mov eax, 1\nadd rax, ebx";
/// let error = midstride_syntax::assemble(source, 0x1000).unwrap_err();
/// assert_eq!(
///     error.report(source).to_string(),
///     "line 2, column 10: this operand does not fit here; r/m64, r64, imm8 or imm32 would\n\
///     \x20 | add rax, ebx\n\
///     \x20 |          ^^^\n"
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: ErrorKind,
}

impl Error {
    pub(crate) const fn new(span: Span, kind: ErrorKind) -> Self {
        Self { span, kind }
    }

    /// The error with its line of `source`, which has to be the text that was assembled.
    #[must_use]
    pub fn report<'s>(&self, source: &'s str) -> Report<'s> {
        Report { error: *self, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl core::error::Error for Error {}

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A character that has no meaning.
    UnexpectedCharacter,
    /// A quotation or a brace that its line does not close.
    Unclosed {
        /// What would close it.
        close: char,
    },
    /// Something else has to stand here.
    Expected {
        /// What.
        what: &'static str,
    },
    /// A number with digits that its base does not have, or beyond 64 bits.
    BadNumber,
    /// A quotation that is no number: more than 8 bytes, or an unknown escape.
    BadQuotation,
    /// Parentheses or signs are nested too deeply.
    TooDeep,
    /// No instruction and no directive has this name.
    UnknownName {
        /// One that is spelled much like it.
        similar: Option<&'static str>,
    },
    /// No such word in braces.
    UnknownDecorator,
    /// The instruction does not take this many operands.
    OperandCount {
        /// How many there are.
        given: usize,
        /// How many it takes, a bit for each number.
        wanted: u8,
    },
    /// No form of the instruction takes this operand behind those in front of it.
    Operand {
        /// What would fit.
        fits: Fits,
    },
    /// No form of the instruction takes this prefix.
    Prefix,
    /// No form of the instruction takes this decoration.
    Decorator,
    /// The operands fit, but not together.
    NotEncodable {
        /// The form they fit.
        code: Code,
        /// Why it has no encoding.
        reason: Unencodable,
    },
    /// There is no such label.
    UndefinedLabel,
    /// There is such a label already.
    DuplicateLabel,
    /// A sum that is no address: too many registers, or a factor other than 1, 2, 4, 8.
    NotAnAddress,
    /// A register where a number has to be.
    NotANumber,
    /// A division by zero, or a result beyond 64 bits.
    Arithmetic,
    /// A number that has no place in so many bytes.
    TooWide {
        /// Bytes.
        bytes: usize,
    },
    /// More bytes than a program may have.
    TooLong {
        /// How many are allowed.
        limit: usize,
    },
    /// Sizes of instructions depend on each other without end.
    Unsettled,
}

/// Why operands that fit have no encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Unencodable {
    /// ah, bh, ch and dh go with no instruction that needs a REX prefix.
    HighByte,
    /// rsp is no index.
    StackIndex,
    /// The target is too far away.
    OutOfReach,
    /// Registers 16 to 31 need a form that has room for them.
    HighRegister,
    /// Something else.
    Other,
}

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HighByte => "ah, bh, ch and dh exclude the REX prefix that another operand needs",
            Self::StackIndex => "rsp cannot be an index",
            Self::OutOfReach => "the address is out of reach",
            Self::HighRegister => "registers 16 to 31 have no place in it",
            Self::Other => "these operands do not go together",
        })
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed { close } => write!(f, "{close} is missing in this line"),
            Self::Expected { what } => write!(f, "{what} should be here"),
            Self::UnknownName { similar: None } => write!(f, "there is no such instruction"),
            Self::UnknownName { similar: Some(name) } => {
                write!(f, "there is no such instruction; {name} is one")
            }
            Self::OperandCount { given, wanted } => counts(f, *given, *wanted),
            Self::Operand { fits } if fits.is_empty() => write!(f, "this operand does not fit here"),
            Self::Operand { fits } => write!(f, "this operand does not fit here; {fits} would"),
            Self::NotEncodable { reason, .. } => write!(f, "{reason}"),
            Self::TooWide { bytes: 1 } => write!(f, "this does not fit into a byte"),
            Self::TooWide { bytes } => write!(f, "this does not fit into {bytes} bytes"),
            Self::TooLong { limit } => write!(f, "more than {limit:#x} bytes"),
            plain => f.write_str(plain.text()),
        }
    }
}

impl ErrorKind {
    /// What there is to say where no number or name is part of it.
    fn text(&self) -> &'static str {
        match self {
            Self::UnexpectedCharacter => "this character has no meaning here",
            Self::BadNumber => "this is no number of 64 bits (10, 0x1f, 1fh, 0b101, 101b, 17o)",
            Self::BadQuotation => "this text is no number of 64 bits",
            Self::TooDeep => "this is nested too deeply",
            Self::UnknownDecorator => "no such decoration ({k1} {z} {1to16} {rn-sae} {sae} {evex})",
            Self::Prefix => "the instruction does not take this prefix",
            Self::Decorator => "the instruction does not take this decoration",
            Self::UndefinedLabel => "there is no such label or register",
            Self::DuplicateLabel => "this label is there already",
            Self::NotAnAddress => "no address: base + index * (1, 2, 4 or 8) + displacement is one",
            Self::NotANumber => "a number has to be here, no register",
            Self::Arithmetic => "the result is no number of 64 bits",
            _ => "sizes of instructions depend on each other without end",
        }
    }
}

/// `takes 1 or 2 operands, not 3`
fn counts(f: &mut fmt::Formatter<'_>, given: usize, wanted: u8) -> fmt::Result {
    let count = wanted.count_ones();
    write!(f, "takes ")?;
    for (nth, number) in (0..8).filter(|number| wanted >> number & 1 != 0).enumerate() {
        write!(f, "{}{number}", separator(nth, count as usize))?;
    }
    let plural = if wanted == 0b10 { "" } else { "s" };
    write!(f, " operand{plural}, not {given}")
}

/// Between the parts of an enumeration.
fn separator(nth: usize, count: usize) -> &'static str {
    match nth {
        0 => "",
        nth if nth + 1 == count => " or ",
        _ => ", ",
    }
}

/// What would fit in the place of an operand.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Fits {
    kinds: u128,
    sizes: u16,
}

impl Fits {
    pub(crate) fn add(&mut self, kind: OpCodeOperandKind, memory_bytes: usize) {
        self.kinds |= 1 << (kind as u32);
        self.sizes |= size::bit(memory_bytes);
    }

    fn is_empty(self) -> bool {
        self.kinds == 0
    }

    /// The kinds of operands.
    pub fn kinds(self) -> impl Iterator<Item = OpCodeOperandKind> {
        OpCodeOperandKind::values().filter(move |kind| self.kinds >> (*kind as u32) & 1 != 0)
    }

    /// Sizes in bytes that a memory operand may have.
    pub fn memory_bytes(self) -> impl Iterator<Item = usize> {
        size::of_bits(self.sizes)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        let mut seen = alloc::collections::BTreeSet::new();
        self.kinds().map(shape::name).filter(move |name| seen.insert(*name))
    }
}

impl fmt::Display for Fits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.names().count();
        self.names().enumerate().try_for_each(|(nth, name)| write!(f, "{}{name}", separator(nth, count)))?;
        let sizes = self.memory_bytes().filter_map(size::keyword);
        for (nth, keyword) in sizes.enumerate() {
            write!(f, "{}{keyword}", if nth == 0 { " (memory: " } else { ", " })?;
        }
        f.write_str(if self.memory_bytes().any(|bytes| size::keyword(bytes).is_some()) { ")" } else { "" })
    }
}

impl fmt::Debug for Fits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// For those who wrote a comment as other assemblers have it.
const COMMENTS: &str = " (; separates instructions, # begins a comment)";

/// An [`Error`] with its line.
#[derive(Clone, Copy, Debug)]
pub struct Report<'s> {
    error: Error,
    source: &'s str,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { start, end } = self.error.span;
        let location = self.error.span.location(self.source);
        let line = self.source.lines().nth(location.line - 1).unwrap_or_default();
        write!(f, "{location}: {}", self.error.kind)?;
        let before = self.source.get(..start).unwrap_or_default().trim_end_matches(' ');
        let is_unknown = matches!(self.error.kind, ErrorKind::UnknownName { .. });
        f.write_str(if is_unknown && before.ends_with(';') { COMMENTS } else { "" })?;
        writeln!(f)?;
        let marked = self.source.get(start..end).unwrap_or_default();
        let marks = marked.lines().next().map_or(1, |text| text.chars().count().max(1));
        writeln!(f, "  | {line}")?;
        // Tabs stay tabs, so that the marks stand below what they mark.
        let blank = |c| if c == '\t' { '\t' } else { ' ' };
        let blanks: String = line.chars().take(location.column - 1).map(blank).collect();
        writeln!(f, "  | {blanks}{:^<marks$}", "")
    }
}
