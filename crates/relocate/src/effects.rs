//! What an instruction does to registers, flags and memory.

use iced_x86::{InstructionInfoFactory, Mnemonic, OpAccess, Register};
use midstride_addr::AppPc;
use midstride_asm::Gpr;

use crate::flags;
use crate::flow::Flow;
use crate::gpr;
use crate::insn::{Insn, InsnIter};
use crate::layout::Prefixes;
use crate::sets::{FlagSet, GprSet};
use crate::special::Special;

/// What an instruction may do to registers, flags and memory; where in doubt, it does more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effects {
    /// Registers whose value the instruction uses, in part or under conditions included.
    pub gpr_read: GprSet,
    /// Registers that certainly hold a new value in all 64 bits behind it. 32-bit writes count, for they
    /// clear the upper half; 8- and 16-bit writes and conditional ones do not.
    pub gpr_written: GprSet,
    /// Registers that are read or may be written, in any way.
    pub gpr_touched: GprSet,
    /// Flags whose value decides anything.
    pub flags_read: FlagSet,
    /// Flags that may hold another value behind it, undefined ones included.
    pub flags_written: FlagSet,
    /// Flags the manual leaves undefined. Processors differ: some keep the old value.
    pub flags_undefined: FlagSet,
    /// Flags that certainly hold a new value which does not come from the old one: what kills liveness.
    pub flags_overwritten: FlagSet,
    /// Whether memory is accessed, the stack included.
    pub memory: MemoryUse,
}

impl Effects {
    /// Reads and may change everything: what is said of instructions that hand the state to somebody else.
    pub const EVERYTHING: Self = Self {
        gpr_read: GprSet::ALL,
        gpr_written: GprSet::EMPTY,
        gpr_touched: GprSet::ALL,
        flags_read: FlagSet::ALL,
        flags_written: FlagSet::ALL,
        flags_undefined: FlagSet::EMPTY,
        flags_overwritten: FlagSet::EMPTY,
        memory: MemoryUse::ReadWrite,
    };

    /// Does nothing that is told here.
    pub const NOTHING: Self = Self {
        gpr_read: GprSet::EMPTY,
        gpr_written: GprSet::EMPTY,
        gpr_touched: GprSet::EMPTY,
        flags_read: FlagSet::EMPTY,
        flags_written: FlagSet::EMPTY,
        flags_undefined: FlagSet::EMPTY,
        flags_overwritten: FlagSet::EMPTY,
        memory: MemoryUse::None,
    };
}

/// How memory is accessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum MemoryUse {
    /// Not at all.
    #[default]
    None,
    /// Only read.
    Read,
    /// Only written.
    Write,
    /// Both, or it is not known.
    ReadWrite,
}

impl MemoryUse {
    /// Whether memory may be read.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Whether memory may be written.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

/// Computes [`Effects`]. Owns iced's working storage, so that asking does not allocate.
#[derive(Debug)]
pub struct Scanner {
    factory: InstructionInfoFactory,
}

/// The instructions that use the most registers (`vzeroupper`) and the most pieces of memory (`enter 0, 31`).
const GREEDY: [u8; 7] = [0xc5, 0xf8, 0x77, 0xc8, 0x00, 0x00, 0x1f];

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A scanner; the only place that allocates.
    #[must_use]
    pub fn new() -> Self {
        let mut scanner = Self { factory: InstructionInfoFactory::new() };
        for insn in InsnIter::new(&GREEDY, AppPc::new(0)).flatten() {
            // Grows iced's storage to what it can ever need.
            let _ = scanner.effects(&insn);
        }
        scanner
    }

    /// What `insn` does.
    #[must_use]
    pub fn effects(&mut self, insn: &Insn) -> Effects {
        if hands_over(insn) {
            return Effects::EVERYTHING;
        }
        let mut effects = on_flags(insn);
        let info = self.factory.info(insn.iced());
        for used in info.used_registers() {
            effects.add_register(used.register(), used.access());
        }
        for used in info.used_memory() {
            effects.add_memory(used.access());
        }
        correct(insn, &mut effects);
        effects
    }
}

/// What `insn` does to flags: [`Effects`] as [`Scanner::effects`] has them, or without registers and memory. Takes a
/// fraction of the time.
#[must_use]
pub fn flag_effects(insn: &Insn) -> Effects {
    if hands_over(insn) { Effects::EVERYTHING } else { on_flags(insn) }
}

/// The flags of what does not hand over.
fn on_flags(insn: &Insn) -> Effects {
    let effects = flags::effects(insn.iced());
    if !MAY_KEEP.contains(&insn.iced().mnemonic()) {
        return effects;
    }
    Effects { flags_overwritten: effects.flags_overwritten.intersection(FlagSet::ZF), ..effects }
}

impl Effects {
    fn add_register(&mut self, register: Register, access: OpAccess) {
        let gpr = gpr::set_of(register);
        let (reads, writes) = direction(access);
        if reads {
            self.gpr_read |= gpr;
        }
        if writes == Writes::Always && gpr::is_whole(register) {
            self.gpr_written |= gpr;
        }
        if access != OpAccess::None && access != OpAccess::NoMemAccess {
            self.gpr_touched |= gpr;
        }
    }

    fn add_memory(&mut self, access: OpAccess) {
        let (reads, writes) = direction(access);
        let reads = reads || self.memory.reads();
        let writes = writes != Writes::Never || self.memory.writes();
        self.memory = match (reads, writes) {
            (false, false) => MemoryUse::None,
            (true, false) => MemoryUse::Read,
            (false, true) => MemoryUse::Write,
            (true, true) => MemoryUse::ReadWrite,
        };
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writes {
    Never,
    Maybe,
    Always,
}

/// Whether an access reads, and whether it writes.
fn direction(access: OpAccess) -> (bool, Writes) {
    match access {
        OpAccess::None | OpAccess::NoMemAccess => (false, Writes::Never),
        OpAccess::Read | OpAccess::CondRead => (true, Writes::Never),
        OpAccess::Write => (false, Writes::Always),
        OpAccess::CondWrite => (false, Writes::Maybe),
        OpAccess::ReadWrite => (true, Writes::Always),
        OpAccess::ReadCondWrite => (true, Writes::Maybe),
    }
}

/// Whether the kernel, a handler or another mode gets to see the whole state.
fn hands_over(insn: &Insn) -> bool {
    let within = matches!(
        insn.flow(),
        Flow::Next
            | Flow::Jump { .. }
            | Flow::Branch { .. }
            | Flow::Counted { .. }
            | Flow::Call { .. }
            | Flow::JumpIndirect
            | Flow::CallIndirect
            | Flow::Return { .. }
    );
    let special =
        matches!(insn.special(), Some(Special::Hypercall | Special::Enclave | Special::Transaction));
    !within || special || insn.iced().is_save_restore_instruction()
}

/// Instructions whose destination may keep its value, in part at least, although iced calls it written.
const MAY_KEEP: [Mnemonic; 7] = [
    // Do nothing where there is no shadow stack.
    Mnemonic::Rdsspd,
    Mnemonic::Rdsspq,
    // Are `bsf` and `bsr` to a processor without BMI.
    Mnemonic::Tzcnt,
    Mnemonic::Lzcnt,
    // Fault where UMIP is on; Linux then writes 16 bits, whatever the operand size.
    Mnemonic::Sldt,
    Mnemonic::Str,
    Mnemonic::Smsw,
];

/// Takes back what iced's tables promise too much.
fn correct(insn: &Insn, effects: &mut Effects) {
    let mnemonic = insn.iced().mnemonic();
    if MAY_KEEP.contains(&mnemonic) {
        effects.gpr_written = GprSet::EMPTY;
    } else if mnemonic == Mnemonic::Clzero {
        effects.memory = MemoryUse::Write;
    } else if mnemonic == Mnemonic::Pause && Prefixes::scan(insn.bytes()).extends_base() {
        // To AMD's processors `f3 41 90` is `xchg r8, rax`.
        effects.gpr_read |= PAUSE_OR_XCHG;
        effects.gpr_touched |= PAUSE_OR_XCHG;
    }
}

const PAUSE_OR_XCHG: GprSet = GprSet::of(Gpr::Rax).with(Gpr::R8);
