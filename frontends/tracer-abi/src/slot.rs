//! What a traced thread leaves behind.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// The head of a slot. Counts say how many records of each kind are valid; a record is written before
/// its count rises.
#[repr(C, align(64))]
pub struct SlotHeader {
    /// One of [`life`].
    pub life: AtomicU32,
    /// Process id.
    pub pid: AtomicU32,
    /// Thread id; equal to `pid` in the process's own slot, unless another thread called exec.
    pub tid: AtomicU32,
    /// The slot of the process whose blocks this slot's counters belong to; its own index for a
    /// process, the process's for a further thread.
    pub owner: AtomicU32,
    /// The slot of the process that forked, or exec'ed into, this one; `u32::MAX` for the first.
    pub parent: AtomicU32,
    /// 1 when `parent` forked into this slot (its blocks and modules below `inherited_*` are the
    /// parent's), 0 when it exec'ed.
    pub forked: AtomicU32,
    /// Threads that began in this process, beside its first.
    pub births: AtomicU32,
    /// Module records valid here.
    pub modules: AtomicU32,
    /// Bytes of paths valid here.
    pub path_bytes: AtomicU32,
    /// Block records valid here. In a forked child the indices go on from the parent's, so the first
    /// `inherited_blocks` records are to be read in the parent's slot.
    pub blocks: AtomicU32,
    /// Blocks below this index are in the parent's slot.
    pub inherited_blocks: AtomicU32,
    /// Modules below this index are in the parent's slot.
    pub inherited_modules: AtomicU32,
    /// Records of blocks cut short valid here.
    pub partials: AtomicU32,
    /// Records that found no room (blocks, modules, partials): the report says so.
    pub lost: AtomicU32,
    /// Monotonic nanoseconds when the image was entered.
    pub started_ns: AtomicU64,
    /// Engine counters by cause, indexed by [`stat`].
    pub stats: [AtomicU64; stat::COUNT],
}

/// Values of [`SlotHeader::life`].
pub mod life {
    /// Never used.
    pub const EMPTY: u32 = 0;
    /// Running, or killed without a word.
    pub const LIVE: u32 = 1;
    /// Called exit.
    pub const EXITED: u32 = 2;
    /// Replaced by a successful exec.
    pub const EXECED: u32 = 3;
}

/// Indices into [`SlotHeader::stats`].
pub mod stat {
    /// Blocks built.
    pub const BLOCKS_BUILT: usize = 0;
    /// Program bytes read into blocks.
    pub const APP_BYTES: usize = 1;
    /// Cache bytes written for them.
    pub const CACHE_BYTES: usize = 2;
    /// Direct exits linked.
    pub const LINKS: usize = 3;
    /// Gate entries from an unlinked direct exit.
    pub const GATE_DIRECT: usize = 4;
    /// Gate entries from a return whose target was in no table.
    pub const GATE_RETURN: usize = 5;
    /// Gate entries from an indirect jump or call whose target was in no table.
    pub const GATE_INDIRECT: usize = 6;
    /// Gate entries for system calls.
    pub const GATE_SYSCALL: usize = 7;
    /// Gate entries for anything else (faulting instructions, far branches, single steps).
    pub const GATE_OTHER: usize = 8;
    /// Landings put in front of others of the same table entry.
    pub const CHAINED: usize = 9;
    /// Cache units evicted.
    pub const EVICTIONS: usize = 10;
    /// Direct exits unlinked again.
    pub const UNLINKS: usize = 11;
    /// Blocks invalidated because their code changed.
    pub const INVALIDATED: usize = 12;
    /// Signals delivered to the program.
    pub const SIGNALS: usize = 13;
    /// Instructions whose operand had to be re-addressed because it was out of reach.
    pub const FAR_OPERANDS: usize = 14;
    /// Links made across cache regions, through a slot.
    pub const FAR_LINKS: usize = 15;
    /// Links made by removing a jump to what follows.
    pub const FALL_THROUGHS: usize = 16;
    /// Table misses of targets without a block.
    pub const MISSES_NEW: usize = 17;
    /// Table misses of blocks that had no landing for such branches.
    pub const MISSES_LANDING: usize = 18;
    /// Table misses of blocks whose landing had been dropped, or came a moment before.
    pub const MISSES_DROPPED: usize = 19;
    /// How many counters there are.
    pub const USED: usize = 20;
    /// How many there is room for.
    pub const COUNT: usize = 24;
}

/// A mapped, executable piece of a file (or of nothing).
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Module {
    /// First address.
    pub start: u64,
    /// First address behind.
    pub end: u64,
    /// Offset in the file of `start`.
    pub file_offset: u64,
    /// Where in the paths area the path lies; no terminator.
    pub path_at: u32,
    /// Bytes of path; 0 when anonymous.
    pub path_len: u32,
    /// Count of blocks when it was mapped: blocks from this index on may lie in it.
    pub since_block: u32,
    /// Count of blocks when it was unmapped; `u32::MAX` while mapped.
    pub until_block: u32,
    /// Zero.
    pub reserved: [u64; 3],
}

/// A basic block that was built; whether it ran to its end is its counter's business, in `cov` a block
/// is built only when it is entered.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Block {
    /// Program address of its first instruction.
    pub start: u64,
    /// Its bytes.
    pub bytes: u32,
    /// Its instructions.
    pub insns: u16,
    /// Zero.
    pub flags: u16,
}

/// A block that was entered but left before its end (a fault, a signal): the host takes what did not
/// run off the block's count.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Partial {
    /// Which block.
    pub block: u32,
    /// Instructions of it that completed.
    pub insns: u32,
    /// How often this happened.
    pub times: u64,
    /// Bytes of it that completed.
    pub bytes: u64,
}
