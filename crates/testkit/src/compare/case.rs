//! What is run: code, registers, memory.

use midstride_addr::{AppPc, CachePc};
use midstride_control::Vector;
use midstride_frame::{GprFrame, Register};
use midstride_relocate::{Flow, Insn, decode};

/// Code and the state it starts in.
#[derive(Clone, Default)]
pub(crate) struct Case {
    /// Code and where it stands.
    pub(crate) pieces: Vec<Piece>,
    /// General registers and flags; rip is where it starts.
    pub(crate) gpr: GprFrame,
    /// Which of the machine's vector states it starts with.
    pub(crate) vectors: usize,
    /// A vector register that differs from that state.
    pub(crate) vector: Option<(u8, Vector)>,
    /// Words of memory that differ from what is usual.
    pub(crate) pokes: Vec<(u64, u64)>,
    /// Where it leaves: by jumping to one of these addresses, at most [`MAX_SITES`].
    pub(crate) sites: Vec<u64>,
    /// What is not compared.
    pub(crate) unseen: Unseen,
    /// Whether it uses the base of FS, or changes it.
    pub(crate) fs: Fs,
}

/// What differs from run to run, or shows where code is.
#[derive(Clone, Default, Debug)]
pub(crate) struct Unseen {
    /// Memory: first address, bytes.
    pub(crate) memory: Vec<(u64, u64)>,
    /// Bits of general registers, by number.
    pub(crate) registers: Vec<(usize, u64)>,
    /// Flags.
    pub(crate) flags: u64,
}

impl Unseen {
    pub(crate) const NOTHING: &'static Self = {
        static NOTHING: Unseen = Unseen { memory: Vec::new(), registers: Vec::new(), flags: 0 };
        &NOTHING
    };

    /// The registers without what is not compared.
    pub(crate) fn hidden(&self, mut gpr: GprFrame) -> GprFrame {
        for (number, bits) in &self.registers {
            let register = Register::gpr(*number as u8).expect("a general register");
            let own = gpr.get_mut(register).expect("a general register");
            *own &= !bits;
        }
        gpr.rflags &= !self.flags;
        gpr
    }
}

/// Code and its place.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) start: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Whether code uses the base of FS, or changes it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Fs {
    #[default]
    Unused,
    Used,
}

/// Most places where a case leaves.
pub(crate) const MAX_SITES: u32 = 24;

impl Case {
    /// The number of the site at an address.
    pub(crate) fn site(&self, address: u64) -> Option<u32> {
        Some(self.sites.iter().position(|site| *site == address)? as u32)
    }

    /// The instruction of its code at an address.
    pub(crate) fn insn_at(&self, pc: u64) -> Option<Insn> {
        self.pieces.iter().find_map(|piece| {
            let offset = usize::try_from(pc.checked_sub(piece.start)?).ok()?;
            decode(piece.bytes.get(offset..)?, AppPc::new(pc)).ok()
        })
    }

    /// Whether a return stands at an address.
    pub(crate) fn returns_at(&self, pc: u64) -> bool {
        self.insn_at(pc).is_some_and(|insn| matches!(insn.flow(), Flow::Return { .. }))
    }

    /// Whether its code has an address.
    pub(crate) fn contains(&self, pc: AppPc) -> bool {
        self.pieces.iter().any(|piece| pc.get().wrapping_sub(piece.start) < piece.bytes.len() as u64)
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for piece in &self.pieces {
            let at = CachePc::new(piece.start);
            writeln!(f, "code at {at}:\n{}", crate::Listing::new(&piece.bytes).at(at))?;
        }
        writeln!(f, "from {:x?}", self.gpr)?;
        write!(
            f,
            "vectors {} {:?}, pokes {:x?}, sites {:x?}",
            self.vectors, self.vector, self.pokes, self.sites
        )
    }
}
