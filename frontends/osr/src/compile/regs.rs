//! Which register is for what.
//!
//! ```text
//!  r15  context      rbp rsp  frame      rax rcx rdx rdi      operands
//!  r14  memory       r11      scratch    rsi r8 r9 r10 rbx r12 r13  arguments and pinned locals,
//!                    xmm14-15 scratch                          operands where no local is pinned
//!  xmm8-13  operands                     xmm0-7  arguments and pinned locals, or operands
//! ```
//! Nothing survives a call but r14, r15, rbp and rsp.

use midstride_asm::{Gpr, Xmm};

/// The instance's context.
pub(crate) const CONTEXT: Gpr = Gpr::R15;
/// The start of the first memory.
pub(crate) const MEMORY: Gpr = Gpr::R14;
/// Never holds a value from one operator to the next.
pub(crate) const SCRATCH: Gpr = Gpr::R11;
/// As [`SCRATCH`].
pub(crate) const SCRATCH_X: Xmm = Xmm::Xmm15;
/// As [`SCRATCH`].
pub(crate) const SCRATCH_X2: Xmm = Xmm::Xmm14;
/// Where a block or a function leaves its only integer.
pub(crate) const RESULT: Gpr = Gpr::Rax;
/// Where a block or a function leaves its only float or vector.
pub(crate) const RESULT_X: Xmm = Xmm::Xmm8;

/// Registers for pinned locals; the first ones also carry arguments.
pub(crate) const PIN_GPRS: [Gpr; 7] = [Gpr::Rsi, Gpr::R8, Gpr::R9, Gpr::R10, Gpr::Rbx, Gpr::R12, Gpr::R13];
/// Registers for pinned floats and vectors, all of which carry arguments.
pub(crate) const PIN_XMMS: [Xmm; 8] =
    [Xmm::Xmm0, Xmm::Xmm1, Xmm::Xmm2, Xmm::Xmm3, Xmm::Xmm4, Xmm::Xmm5, Xmm::Xmm6, Xmm::Xmm7];
/// How many integers are passed in registers.
pub(crate) const ARG_GPRS: usize = 6;
/// How many floats and vectors are passed in registers.
pub(crate) const ARG_XMMS: usize = 8;

/// Operands only.
const OPERAND_GPRS: [Gpr; 4] = [Gpr::Rax, Gpr::Rcx, Gpr::Rdx, Gpr::Rdi];
const OPERAND_XMMS: [Xmm; 6] = [Xmm::Xmm8, Xmm::Xmm9, Xmm::Xmm10, Xmm::Xmm11, Xmm::Xmm12, Xmm::Xmm13];

/// A set of registers of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RegSet(u16);

impl RegSet {
    pub(crate) fn with(self, number: u8) -> Self {
        Self(self.0 | 1 << number)
    }

    pub(crate) fn without(self, number: u8) -> Self {
        Self(self.0 & !(1 << number))
    }

    pub(crate) fn has(self, number: u8) -> bool {
        self.0 >> number & 1 != 0
    }

    /// The one with the highest number: it is least in demand.
    pub(crate) fn any(self) -> Option<u8> {
        self.0.checked_ilog2().map(|number| number as u8)
    }

    /// The integer registers for operands, when `pinned` of the others are taken.
    pub(crate) fn operand_gprs(pinned: RegSet) -> Self {
        let all = OPERAND_GPRS.iter().chain(&PIN_GPRS).map(|reg| reg.number());
        all.filter(|&number| !pinned.has(number)).fold(Self::default(), Self::with)
    }

    /// The vector registers for operands, when `pinned` of the others are taken.
    pub(crate) fn operand_xmms(pinned: RegSet) -> Self {
        let all = OPERAND_XMMS.iter().chain(&PIN_XMMS).map(|reg| reg.number());
        all.filter(|&number| !pinned.has(number)).fold(Self::default(), Self::with)
    }
}
