//! The operands of one instruction, by the place they take in its encoding.

use crate::mem::Mem;
use crate::op::{Alu, Cond, FloatCompare, Lock, Rounding, Shift};
use crate::reg::{Gpr, Xmm};

/// Something with a register number.
pub(crate) trait Register {
    fn register_number(self) -> u8;
}

impl Register for Gpr {
    #[inline(always)]
    fn register_number(self) -> u8 {
        self.number()
    }
}

impl Register for Xmm {
    #[inline(always)]
    fn register_number(self) -> u8 {
        self.number()
    }
}

/// Something the rm field can name.
pub(crate) trait RegisterOrMemory {
    fn place(self) -> Mem;
}

impl RegisterOrMemory for Mem {
    #[inline(always)]
    fn place(self) -> Mem {
        self
    }
}

impl<R: Register> RegisterOrMemory for R {
    #[inline(always)]
    fn place(self) -> Mem {
        Mem::register(self.register_number())
    }
}

/// Something that picks an instruction out of a family with one encoding.
pub(crate) trait Selector {
    fn selected(self) -> u8;
}

macro_rules! selectors {
    ($($name:ident)*) => { $(
        impl Selector for $name {
            #[inline(always)]
            fn selected(self) -> u8 {
                self as u8
            }
        }
    )* };
}
selectors! { Cond Alu Shift FloatCompare Rounding }

/// The operands, each in its field. What a form does not use stays at its neutral value.
#[derive(Clone, Copy)]
pub(crate) struct Operands {
    /// The lock prefix or 0.
    pub(crate) lock: u8,
    /// Which one of a family: condition, operation.
    pub(crate) select: u8,
    /// ModRM.reg, or the low bits of the opcode in `+r` forms.
    pub(crate) reg: u8,
    /// ModRM.rm with all that belongs to it.
    pub(crate) rm: Mem,
    /// Whether rm is one byte wide whatever the width of the rest.
    pub(crate) rm_is_byte: bool,
    /// VEX.vvvv.
    pub(crate) vvvv: u8,
    /// The immediate, sign-extended.
    pub(crate) imm: i64,
}

impl Operands {
    pub(crate) const NONE: Self =
        Self { lock: 0, select: 0, reg: 0, rm: Mem::register(0), rm_is_byte: false, vvvv: 0, imm: 0 };

    #[inline(always)]
    pub(crate) fn lock(self, lock: Lock) -> Self {
        Self { lock: 0xf0 * lock as u8, ..self }
    }

    #[inline(always)]
    pub(crate) fn select(self, selector: impl Selector) -> Self {
        Self { select: selector.selected(), ..self }
    }

    #[inline(always)]
    pub(crate) fn reg(self, register: impl Register) -> Self {
        Self { reg: register.register_number(), ..self }
    }

    #[inline(always)]
    pub(crate) fn rm(self, place: impl RegisterOrMemory) -> Self {
        Self { rm: place.place(), ..self }
    }

    #[inline(always)]
    pub(crate) fn rm8(self, place: impl RegisterOrMemory) -> Self {
        Self { rm_is_byte: true, ..self.rm(place) }
    }

    #[inline(always)]
    pub(crate) fn vvvv(self, register: impl Register) -> Self {
        Self { vvvv: register.register_number(), ..self }
    }

    #[inline(always)]
    pub(crate) fn imm(self, value: impl Into<i64>) -> Self {
        Self { imm: value.into(), ..self }
    }

    /// A selector that is kept in the immediate.
    #[inline(always)]
    pub(crate) fn select_imm(self, selector: impl Selector) -> Self {
        self.imm(selector.selected())
    }

    /// A 64-bit immediate, whose sign bit is a bit like any other.
    #[inline(always)]
    pub(crate) fn imm64(self, value: u64) -> Self {
        Self { imm: value.cast_signed(), ..self }
    }

    /// Whether rm names a register.
    #[inline(always)]
    pub(crate) fn rm_is_register(&self) -> bool {
        self.rm.bits & 0xc0 == 0xc0 && self.rm.len == 1
    }
}
