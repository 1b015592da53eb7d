//! Chains: programs as machine code.
//!
//! Instructions that follow each other are placed behind each other. A chain ends with an exit point, a jump
//! to an instruction that is placed already, or an instruction that does not fall through; behind it stand
//! the exit points of its branches. All branches are wide at first; then those that reach become short.
//! Branches that have only a short form (`loop`, `jrcxz`) get an island next to them while they do not reach.

mod emit;
mod error;
mod map;
mod plan;
mod reload;
mod size;

use alloc::vec::Vec;

use midstride_addr::CachePc;

#[cfg(feature = "std")]
pub(crate) use emit::{counted_opcode, counter_prefix, is_system_call};
pub use error::AssembleError;
pub use map::{CodeMap, PieceKind, Spot};
pub use reload::Placed;

use crate::program::Program;

/// Where chains will run, and what they leave through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Destination {
    /// Address of the first byte.
    pub origin: CachePc,
    /// Address of 16 bytes of memory, within reach of the code: the first 8 keep a register that stands in
    /// for rip, the others the target of an indirect branch. Nothing else may use them.
    pub slots: u64,
    /// What an exit point is.
    pub exits: Exits,
}

/// What an exit point is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exits {
    /// `int3`.
    Trap,
    /// Its number is stored, then control goes to a gate. No register, no flag and no stack is touched.
    Gate {
        /// Address of the 32-bit word that receives the number, within reach of the code.
        number: u64,
        /// What the numbers start at, in order of [`CodeMap::exits`].
        first: u32,
        /// Where to go then.
        gate: CachePc,
    },
}

/// Machine code and what it means.
#[derive(Clone, Debug)]
pub struct Chains {
    /// The code, to be placed at the origin of the destination.
    pub bytes: Vec<u8>,
    /// From addresses to instructions and back.
    pub map: CodeMap,
}

/// Offset of the second slot.
pub(crate) const TARGET_SLOT: u64 = 8;

/// Assembles a program. Its size is bounded by memory and by the reach of displacements only.
///
/// # Errors
/// [`AssembleError`] names the instruction that stands in the way.
pub fn assemble(program: &Program, to: &Destination) -> Result<Chains, AssembleError> {
    let plan = plan::Plan::new(program)?;
    let mut sizes = size::Sizes::measure(&plan, to)?;
    loop {
        sizes.relax(&plan);
        match emit::emit(&plan, &sizes, to)? {
            emit::Emitted::Done(chains) => return Ok(chains),
            emit::Emitted::Longer { item, len } => sizes.lengthen(item, len),
        }
    }
}
