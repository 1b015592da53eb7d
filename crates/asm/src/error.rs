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
    /// The loose label has a place already.
    LooseBoundTwice {
        /// Where it was bound first.
        first: CodeOffset,
    },
    /// Loose labels are used but were never bound.
    LooseUnbound {
        /// How many.
        labels: u32,
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

/// An offset as messages show it.
struct At(CodeOffset);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:#x}", self.0.get())
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use EmitError as E;
        match *self {
            E::Full { capacity } => write!(f, "code buffer of {capacity:#x} bytes is full"),
            E::OutOfReach { from, to } => write!(f, "{to:#x} is more than 2 GiB away from {from}"),
            E::ShortOutOfReach { from, to } => {
                write!(f, "short branch ending at {} does not reach {}", At(from), At(to))
            }
            E::RspAsIndex { at } => write!(f, "rsp used as index register at {}", At(at)),
            E::NoSuchWidth { at, width } => {
                write!(f, "no {}-bit form of the instruction at {}", width.bits(), At(at))
            }
            E::ImmediateTooWide { at, value, field_bytes: n } => {
                write!(f, "immediate {value:#x} does not fit {} bits at {}", n * 8, At(at))
            }
            E::TooManyLabels { limit } => write!(f, "more than {limit} labels"),
            E::ForeignLabel { label } => write!(f, "label {label} belongs to another writer"),
            E::BoundTwice { label, first } => write!(f, "label {label} is already bound at {}", At(first)),
            E::Unbound { label, field } => {
                write!(f, "label {label}, used by the field at {}, is not bound", At(field))
            }
            E::LooseBoundTwice { first } => write!(f, "loose label is already bound at {}", At(first)),
            E::LooseUnbound { labels } => write!(f, "{labels} loose labels are used but not bound"),
            E::LabelCutOff { label, bound, cut } => {
                write!(f, "label {label}, bound at {} and in use, was cut off at {}", At(bound), At(cut))
            }
            E::CutBeyondEnd { cut, end } => {
                write!(f, "cannot truncate to {}, the code ends at {}", At(cut), At(end))
            }
            E::NotRemovable { instruction } => {
                write!(f, "the branch at {instruction} was not written to become a nop")
            }
        }
    }
}

impl core::error::Error for EmitError {}
