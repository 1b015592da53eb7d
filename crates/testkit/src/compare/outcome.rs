//! What came of a run, and how two of them differ.

use std::fmt;

use midstride_control::{Registers, Valid, XsaveFormat};
use midstride_frame::GprFrame;
use midstride_frame::xsave::legacy;

use super::case::Unseen;
use super::selectors::Selectors;
use super::world::World;

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// It left by a site; rip is its address.
    Left,
    /// A signal. The address is 0 where it is that of the instruction itself.
    Signal { number: i32, code: i32, address: u64 },
    /// It did not end by itself.
    Stopped,
    /// It came to something that whoever runs it has to carry out.
    Unfit,
}

/// The state at the end of a run.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) gpr: GprFrame,
    pub(crate) fs_base: u64,
    pub(crate) selectors: Selectors,
    pub(crate) area: Vec<u8>,
    pub(crate) memory: Vec<u8>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            end: End::Stopped,
            gpr: GprFrame::default(),
            fs_base: 0,
            selectors: Selectors::default(),
            area: Vec::new(),
            memory: Vec::new(),
        }
    }
}

/// Which flags count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flags {
    /// All, always.
    Exact,
    /// All at a site; after a signal those that are dead may be others.
    AtSites,
}

/// What differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Difference {
    End { native: End, rewritten: End },
    Registers(String),
    Memory { address: u64, native: u8, rewritten: u8 },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End { native, rewritten } => write!(f, "it ends by {rewritten:x?} and not by {native:x?}"),
            Self::Registers(changes) => write!(f, "registers differ (native → rewritten):\n{changes}"),
            Self::Memory { address, native, rewritten } => {
                write!(f, "memory differs at {address:#x}: {rewritten:x} and not {native:x}")
            }
        }
    }
}

/// How outcomes are compared.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'u> {
    pub(crate) format: XsaveFormat,
    pub(crate) valid: Valid,
    pub(crate) flags: Flags,
    /// What does not count.
    pub(crate) unseen: &'u Unseen,
    /// Where it lies; none when memory is not compared.
    pub(crate) world: Option<&'u World>,
}

impl Judge<'_> {
    /// The first difference, if there is one.
    pub(crate) fn difference(&self, native: &Outcome, rewritten: &Outcome) -> Option<Difference> {
        if native.end != rewritten.end {
            return Some(Difference::End { native: native.end, rewritten: rewritten.end });
        }
        if !self.same_registers(native, rewritten) {
            return Some(Difference::Registers(self.changes(native, rewritten)));
        }
        self.memory(native, rewritten)
    }

    /// Whether all registers are the same, as far as they count.
    pub(crate) fn same_registers(&self, native: &Outcome, rewritten: &Outcome) -> bool {
        let mut other = rewritten.gpr;
        if native.end != End::Left && self.flags == Flags::AtSites {
            other.rflags = native.gpr.rflags;
        }
        let same = self.unseen.hidden(native.gpr) == self.unseen.hidden(other)
            && native.fs_base == rewritten.fs_base
            && native.selectors == rewritten.selectors;
        same && (self.same_area(native, rewritten) || {
            let (mut a, mut b) = (self.registers(native), self.registers(rewritten));
            (a.gpr, b.gpr) = (GprFrame::default(), GprFrame::default());
            a == b
        })
    }

    /// What differs between registers, both ways.
    pub(crate) fn changes(&self, native: &Outcome, rewritten: &Outcome) -> String {
        let selectors = match native.selectors == rewritten.selectors {
            true => String::new(),
            false => format!("{:x?}\n →  {:x?}\n", native.selectors, rewritten.selectors),
        };
        let (native, rewritten) = (self.registers(native), self.registers(rewritten));
        let (there, back) = (rewritten.changes(&native), native.changes(&rewritten));
        let (from, to) = (native.gpr.rip, rewritten.gpr.rip);
        let mut text = format!("rip {from:x} → {to:x}\n{there}and the other way round:\n{back}");
        text += &selectors;
        if native.x87 != rewritten.x87 {
            text += &format!("x87 {:x?}\n →  {:x?}\n", native.x87, rewritten.x87);
        }
        text
    }

    fn same_area(&self, native: &Outcome, rewritten: &Outcome) -> bool {
        let (from, to) = (legacy::FOP as usize, legacy::MXCSR as usize);
        native.area[..from] == rewritten.area[..from] && native.area[to..] == rewritten.area[to..]
    }

    /// All registers. The last x87 instruction is one of the cache: neither its address counts nor how it
    /// addressed its operand (mod and rm). The operand's address is whatever the thread used last, in any case
    /// before this one, when the last instruction has none.
    fn registers(&self, outcome: &Outcome) -> Registers {
        let mut registers = Registers::new(self.valid);
        self.format.read(&outcome.area, &mut registers);
        (registers.x87.instruction, registers.x87.operand) = (0, 0);
        registers.x87.opcode &= !0xc7;
        registers.gpr = outcome.gpr;
        registers.fs_base = outcome.fs_base;
        registers
    }

    fn memory(&self, native: &Outcome, rewritten: &Outcome) -> Option<Difference> {
        let world = self.world.filter(|_| native.memory != rewritten.memory)?;
        let unseen = |at: usize| {
            let address = world.address_of(at);
            self.unseen.memory.iter().any(|(start, bytes)| address.wrapping_sub(*start) < *bytes)
        };
        let mut pairs = native.memory.iter().zip(&rewritten.memory).enumerate();
        let (at, (native, rewritten)) = pairs.find(|(at, (a, b))| a != b && !unseen(*at))?;
        let address = world.address_of(at);
        Some(Difference::Memory { address, native: *native, rewritten: *rewritten })
    }
}
