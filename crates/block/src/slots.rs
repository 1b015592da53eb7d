//! Where emitted code finds the words it keeps for itself.

use midstride_asm::{Mem, Segment};

/// How emitted code addresses a thread's slots. One engine uses one of these for all its blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotBase {
    /// `gs:[offset]`: each thread has its own slots, blocks are shared by all threads.
    Gs,
    /// `[address + offset]`, an address below 2 GiB: one thread, and GS stays the program's.
    Absolute(i32),
}

/// The words at the start of a thread context that emitted code reads and writes.
///
/// A block leaves them meaningful only between two of its instructions: nothing is kept in a slot
/// from one block to the next but what the landing of an indirect branch takes over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Slot {
    /// Address of the thread context itself.
    Context = 0,
    /// The program's r11 while a landing compares without BMI2.
    R11 = 1,
    /// The program's rcx from an indirect branch to its landing.
    Rcx = 2,
    /// The app pc an indirect jump or call goes to.
    Target = 3,
    /// Number of the exit through which control reached the gate.
    Exit = 4,
    /// A register borrowed for an operand that is out of reach.
    Scratch = 5,
    /// A register borrowed by instrumentation.
    Probe = 6,
    /// Cache pc where the gate resumes.
    Resume = 7,
}

impl Slot {
    /// How many bytes of a thread context the slots take.
    pub const BYTES: usize = 64;

    /// Bytes from the start of the thread context.
    #[must_use]
    pub const fn offset(self) -> i32 {
        self as i32 * 8
    }
}

impl SlotBase {
    /// The operand that names the word `offset` bytes into the thread context.
    #[must_use]
    pub fn at(self, offset: i32) -> Mem {
        match self {
            Self::Gs => Mem::abs32(offset).seg(Segment::Gs),
            Self::Absolute(base) => Mem::abs32(base.wrapping_add(offset)),
        }
    }

    /// The operand that names `slot`.
    #[must_use]
    pub fn slot(self, slot: Slot) -> Mem {
        self.at(slot.offset())
    }
}

/// Addresses below 2 GiB that all emitted code shares: the gate's doors and the two target tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doors {
    /// Array of gate entry points, one 8-byte word for each [`Door`].
    pub gates: i32,
    /// Table of landings for returns: 65 536 words indexed by the low 16 bits of the app pc.
    pub returns: i32,
    /// Table of landings for indirect jumps and calls, indexed likewise.
    pub indirects: i32,
}

/// Why control enters the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Door {
    /// A direct exit that is not linked; [`Slot::Exit`] names it.
    Direct = 0,
    /// A return whose target has no landing in the table; the target lies below the stack pointer.
    Return = 1,
    /// An indirect jump or call likewise; the target is in [`Slot::Target`].
    Indirect = 2,
    /// A system call; [`Slot::Exit`] names its exit.
    Syscall = 3,
    /// An instruction the engine carries out itself; [`Slot::Exit`] names its exit.
    Emulate = 4,
    /// A callout; [`Slot::Exit`] names it and control comes back behind it.
    Callout = 5,
    /// A block found its program code changed; [`Slot::Exit`] names it.
    Stale = 6,
}

impl Door {
    /// Every door, in the order of their words.
    pub const ALL: [Self; 7] = [
        Self::Direct,
        Self::Return,
        Self::Indirect,
        Self::Syscall,
        Self::Emulate,
        Self::Callout,
        Self::Stale,
    ];
}

/// Entries of each target table.
pub const TABLE_ENTRIES: usize = 1 << 16;

impl Doors {
    /// The operand of a jump through `door`.
    #[must_use]
    pub fn door(self, door: Door) -> Mem {
        Mem::abs32(self.gates + door as i32 * 8)
    }
}
