//! The general registers, rip and rflags in memory.

use core::mem::offset_of;

use crate::register::Register;

macro_rules! gpr_frame {
    ($($field:ident = $register:ident;)*) => {
        /// The general registers in hardware number order, then rip and rflags: 18 words of 8 bytes.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[repr(C)]
        #[expect(missing_docs, reason = "the fields are the registers they are named after")]
        pub struct GprFrame {
            $(pub $field: u64,)*
        }

        impl GprFrame {
            /// Where each register lies, in bytes from the frame's start, in field order.
            pub const SLOTS: [(Register, u16); 18] =
                [$((Register::$register, offset_of!(GprFrame, $field) as u16)),*];

            /// The value of a register, if the frame holds it.
            #[must_use]
            pub const fn get(&self, register: Register) -> Option<u64> {
                match register {
                    $(Register::$register => Some(self.$field),)*
                    _ => None,
                }
            }

            /// The place of a register's value, if the frame holds it.
            pub const fn get_mut(&mut self, register: Register) -> Option<&mut u64> {
                match register {
                    $(Register::$register => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

gpr_frame! {
    rax = RAX;
    rcx = RCX;
    rdx = RDX;
    rbx = RBX;
    rsp = RSP;
    rbp = RBP;
    rsi = RSI;
    rdi = RDI;
    r8 = R8;
    r9 = R9;
    r10 = R10;
    r11 = R11;
    r12 = R12;
    r13 = R13;
    r14 = R14;
    r15 = R15;
    rip = RIP;
    rflags = RFLAGS;
}

impl GprFrame {
    /// Where a register lies, in bytes from the frame's start.
    #[must_use]
    pub const fn offset(register: Register) -> Option<u16> {
        // Field order is the order of register bytes, asserted below.
        let index = register.to_byte() as usize;
        if index < Self::SLOTS.len() { Some(Self::SLOTS[index].1) } else { None }
    }

    /// All words, in field order.
    #[must_use]
    pub fn words(&self) -> [u64; 18] {
        Self::SLOTS.map(|(register, _)| self.get(register).unwrap_or_default())
    }

    /// A frame of these words, in field order.
    #[must_use]
    pub fn from_words(words: [u64; 18]) -> Self {
        let mut frame = Self::default();
        for ((register, _), word) in Self::SLOTS.into_iter().zip(words) {
            if let Some(slot) = frame.get_mut(register) {
                *slot = word;
            }
        }
        frame
    }
}

const _: () = {
    let mut index = 0;
    while index < GprFrame::SLOTS.len() {
        let (register, offset) = GprFrame::SLOTS[index];
        assert!(register.to_byte() as usize == index && offset as usize == 8 * index);
        index += 1;
    }
    assert!(size_of::<GprFrame>() == 144);
};

/// Bits of rflags.
pub mod rflags {
    /// Carry.
    pub const CF: u64 = 1 << 0;
    /// Parity of the low byte.
    pub const PF: u64 = 1 << 2;
    /// Carry out of bit 3.
    pub const AF: u64 = 1 << 4;
    /// Zero.
    pub const ZF: u64 = 1 << 6;
    /// Sign.
    pub const SF: u64 = 1 << 7;
    /// Single step.
    pub const TF: u64 = 1 << 8;
    /// String instructions go downwards.
    pub const DF: u64 = 1 << 10;
    /// Signed overflow.
    pub const OF: u64 = 1 << 11;
    /// Debug exceptions are off for one instruction.
    pub const RF: u64 = 1 << 16;
    /// Misaligned accesses fault.
    pub const AC: u64 = 1 << 18;
    /// The bit `cpuid` support is told from.
    pub const ID: u64 = 1 << 21;
    /// The six that arithmetic instructions write.
    pub const ARITHMETIC: u64 = CF | PF | AF | ZF | SF | OF;

    /// Bits that `lahf` puts in ah.
    const LAHF: u64 = CF | PF | AF | ZF | SF;

    /// The arithmetic flags from the value `ax` has after `lahf` and `seto al`: the cheap way to save
    /// them, since neither instruction changes any.
    ///
    /// ```
    /// use midstride_frame::rflags::{self, CF, OF, ZF};
    ///
    /// assert_eq!(rflags::from_lahf_seto(0x4301), CF | ZF | OF);
    /// ```
    #[must_use]
    pub const fn from_lahf_seto(ax: u16) -> u64 {
        let overflow = if ax & 0xff != 0 { OF } else { 0 };
        (ax >> 8) as u64 & LAHF | overflow
    }

    /// What `ax` has to hold for `add al, 0x7f` and `sahf` to restore the arithmetic flags of
    /// `rflags`.
    #[must_use]
    pub const fn to_lahf_seto(rflags: u64) -> u16 {
        let overflow = (rflags & OF != 0) as u16;
        // lahf reads the fixed bit 1 as 1.
        ((rflags & LAHF) as u16 | 2) << 8 | overflow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_in_number_order() {
        let words = core::array::from_fn(|n| n as u64 * 11 + 1);
        let frame = GprFrame::from_words(words);
        assert_eq!(frame.words(), words);
        assert_eq!((frame.rsp, frame.rip, frame.rflags), (45, 177, 188));
        assert_eq!(frame.get(Register::R15), Some(frame.r15));
    }

    #[test]
    fn other_registers_have_no_place() {
        assert_eq!(GprFrame::offset(Register::RFLAGS), Some(136));
        assert_eq!(GprFrame::offset(Register::FS_BASE), None);
        assert_eq!(GprFrame::default().get(Register::vector(0).unwrap()), None);
    }

    #[test]
    fn saved_flags_are_the_arithmetic_ones() {
        for bits in 0..4096 {
            let kept = bits & rflags::ARITHMETIC;
            assert_eq!(rflags::from_lahf_seto(rflags::to_lahf_seto(bits)), kept);
        }
    }
}
