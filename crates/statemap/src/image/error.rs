//! What can be wrong with an image.

use core::fmt;

use crate::check::StateError;

/// A section of an image.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u32)]
#[non_exhaustive]
pub enum Section {
    /// Activations and their frames.
    Frames = 1,
    /// Globals.
    Globals = 2,
    /// Tables.
    Tables = 3,
    /// Memories: limits, sizes, which pages there are.
    Memories = 4,
    /// Segments that were dropped.
    Segments = 5,
    /// What the host keeps.
    Host = 6,
}

impl Section {
    /// All sections, in the order they are written.
    pub(super) const ALL: [Self; 6] =
        [Self::Frames, Self::Globals, Self::Tables, Self::Memories, Self::Segments, Self::Host];

    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Globals => "globals",
            Self::Tables => "tables",
            Self::Memories => "memories",
            Self::Segments => "segments",
            Self::Host => "host",
        }
    }
}

/// A part that has a checksum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Part {
    /// Header and section table.
    Head,
    /// A section.
    Section(Section),
    /// Pages of a memory.
    Pages {
        /// Index of the memory.
        memory: u32,
        /// Index of the first of the pages.
        first: u64,
    },
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("the head"),
            Self::Section(section) => write!(f, "section {}", section.name()),
            Self::Pages { memory, first } => write!(f, "memory {memory} from page {first:#x}"),
        }
    }
}

/// What is wrong with a field of a section.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The section ends inside of it.
    Short,
    /// A number has more bits than its field.
    Number,
    /// A byte that means nothing.
    UnknownByte,
    /// More than [`limits`](crate::limits) allows, or than the section has bytes for.
    TooMany,
    /// A name that is not UTF-8.
    Name,
    /// A reference with more bits than its number has.
    Reference,
    /// Pages behind the end of their memory.
    OutOfBounds,
    /// Bytes behind the last entry.
    TrailingBytes,
}

impl Problem {
    const fn text(self) -> &'static str {
        match self {
            Self::Short => "the section ends inside a field",
            Self::Number => "a number is too large",
            Self::UnknownByte => "a byte means nothing",
            Self::TooMany => "there are too many entries",
            Self::Name => "a name is not UTF-8",
            Self::Reference => "a reference is too large",
            Self::OutOfBounds => "there are pages behind the end of the memory",
            Self::TrailingBytes => "there are bytes behind the last entry",
        }
    }
}

/// Bytes that are not an image. Offsets are from the start of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ImageError {
    /// It does not start like an image.
    NotAnImage,
    /// It was written by a later version.
    Version {
        /// Which.
        found: u16,
    },
    /// It ends inside its head.
    Truncated {
        /// How long it is.
        length: u64,
    },
    /// It is longer or shorter than it says.
    FileLength {
        /// What it says.
        stated: u64,
        /// What it is.
        found: u64,
    },
    /// Something was altered.
    Checksum {
        /// What.
        part: Part,
        /// Where it starts.
        offset: u64,
    },
    /// The header or a line of the section table says what no writer writes.
    Head {
        /// Where.
        offset: u64,
    },
    /// A section that does not say what it should.
    Malformed {
        /// Which.
        section: Section,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        problem: Problem,
    },
    /// It is of another module.
    OtherModule {
        /// Hash of the module that is there.
        expected: [u8; 32],
        /// Hash of the module that the image is of.
        found: [u8; 32],
    },
    /// It says what it should, but no instance can be in that state.
    State(StateError),
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => f.write_str("this is not an image"),
            Self::Version { found } => write!(f, "version {found} of images is not known"),
            Self::Truncated { length } => write!(f, "the image ends in its head, at {length:#x}"),
            Self::FileLength { stated, found } => {
                write!(f, "the image should have {stated:#x} bytes and has {found:#x}")
            }
            Self::Checksum { part, offset } => {
                write!(f, "checksum of {part} (at {offset:#x}) does not match")
            }
            Self::Head { offset } => write!(f, "the head is malformed at {offset:#x}"),
            Self::Malformed { section, offset, problem } => {
                write!(f, "section {} at {offset:#x}: {}", section.name(), problem.text())
            }
            Self::OtherModule { expected, found } => {
                write!(f, "the image is of module {}, not of {}", Digits(found), Digits(expected))
            }
            Self::State(_) => f.write_str("no instance can be in the image's state"),
        }
    }
}

/// The first 8 bytes of a hash, as hexadecimal digits.
struct Digits<'a>(&'a [u8; 32]);

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::error::Error for ImageError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::State(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StateError> for ImageError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// An image that was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteError<E> {
    /// No instance can be in that state; nothing was written.
    State(StateError),
    /// The sink refused; what was written is no image.
    Sink(E),
}

impl<E> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::State(_) => "no instance can be in this state",
            Self::Sink(_) => "the image could not be written",
        })
    }
}

impl<E: core::error::Error + 'static> core::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::State(error) => Some(error),
            Self::Sink(error) => Some(error),
        }
    }
}
