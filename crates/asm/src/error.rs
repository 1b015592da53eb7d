//! What can go wrong while writing code.

use core::fmt;

use midstride_addr::{CachePc, CodeOffset};

use crate::reg::Width;

/// Why code could not be written, or a patch word not be computed.
///
/// A [`Writer`](crate::Writer) keeps the first one it meets and answers it from
/// [`finish`](crate::Writer::finish).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// The buffer of `capacity` bytes has no room for the next item.
    Full {
        /// Size of the whole buffer in bytes.
        capacity: usize,
    },
    /// A 32-bit displacement from `from` (the end of its instruction) does not lead to `to`.
    OutOfReach {
        /// The address the displacement is counted from.
        from: CachePc,
        /// The address it should lead to.
        to: u64,
    },
    /// An 8-bit displacement from `from` (the end of its instruction) does not lead to `to`.
    ShortOutOfReach {
        /// The position the displacement is counted from.
        from: CodeOffset,
        /// The position it should lead to, or the first one known to be too far.
        to: CodeOffset,
    },
    /// rsp cannot be an index register (Intel SDM vol. 2, table 2-3).
    RspAsIndex {
        /// Where the instruction would have started.
        at: CodeOffset,
    },
    /// The instruction has no form of this operand width.
    NoSuchWidth {
        /// Where the instruction would have started.
        at: CodeOffset,
        /// The width asked for.
        width: Width,
    },
    /// The immediate fits the form's field neither as a signed nor as an unsigned number.
    ImmediateTooWide {
        /// Where the instruction would have started.
        at: CodeOffset,
        /// The immediate.
        value: i64,
        /// Size of its field in bytes.
        field_bytes: u8,
    },
    /// All of the writer's labels are in use.
    TooManyLabels {
        /// How many there are.
        limit: usize,
    },
    /// The label was made by another writer.
    ForeignLabel {
        /// Its number there.
        label: u32,
    },
    /// The label has a place already.
    BoundTwice {
        /// The label's number, in the order of creation.
        label: u32,
        /// Where it was bound first.
        first: CodeOffset,
    },
    /// The label is used but was never bound.
    Unbound {
        /// The label's number, in the order of creation.
        label: u32,
        /// The displacement field that waits for it (the last one written).
        field: CodeOffset,
    },
    /// Code that jumps to a label stayed, but the part with the label was truncated.
    LabelCutOff {
        /// The label's number, in the order of creation.
        label: u32,
        /// Where the label had been bound.
        bound: CodeOffset,
        /// Where the code was cut.
        cut: CodeOffset,
    },
    /// Truncation to a position that was never reached.
    CutBeyondEnd {
        /// The position asked for.
        cut: CodeOffset,
        /// The end of the code.
        end: CodeOffset,
    },
    /// Only a site made by `jmp_nop_patchable` can become a nop.
    NotRemovable {
        /// The instruction of the site.
        instruction: CachePc,
    },
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Full { capacity } => write!(f, "code buffer of {capacity:#x} bytes is full"),
            Self::OutOfReach { from, to } => write!(f, "{to:#x} is more than 2 GiB away from {from}"),
            Self::ShortOutOfReach { from, to } => {
                write!(f, "short branch ending at +{:#x} does not reach +{:#x}", from.get(), to.get())
            }
            Self::RspAsIndex { at } => write!(f, "rsp used as index register at +{:#x}", at.get()),
            Self::NoSuchWidth { at, width } => {
                write!(f, "no {}-bit form of the instruction at +{:#x}", width.bits(), at.get())
            }
            Self::ImmediateTooWide { at, value, field_bytes } => {
                write!(f, "immediate {value:#x} does not fit {} bits at +{:#x}", field_bytes * 8, at.get())
            }
            Self::TooManyLabels { limit } => write!(f, "more than {limit} labels"),
            Self::ForeignLabel { label } => write!(f, "label {label} belongs to another writer"),
            Self::BoundTwice { label, first } => {
                write!(f, "label {label} is already bound at +{:#x}", first.get())
            }
            Self::Unbound { label, field } => {
                write!(f, "label {label}, used by the field at +{:#x}, is not bound", field.get())
            }
            Self::LabelCutOff { label, bound, cut } => {
                let (bound, cut) = (bound.get(), cut.get());
                write!(f, "label {label}, bound at +{bound:#x} and in use, was cut off at +{cut:#x}")
            }
            Self::CutBeyondEnd { cut, end } => {
                write!(f, "cannot truncate to +{:#x}, the code ends at +{:#x}", cut.get(), end.get())
            }
            Self::NotRemovable { instruction } => {
                write!(f, "the branch at {instruction} was not written to become a nop")
            }
        }
    }
}

impl core::error::Error for EmitError {}
