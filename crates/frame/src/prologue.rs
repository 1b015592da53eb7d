//! The register frames that code sequences open before they use registers of their own.
//!
//! Each kind says which registers it saves and where; all others still hold the program's values.
//! [`FrameKind::locate`] answers for any register, so whoever needs a register of the program while a
//! frame is open (to compute a branch target, to show it to a callout, to translate a fault) asks
//! it and loads from there.

use core::mem::offset_of;

use crate::gpr::GprFrame;
use crate::location::{Base, Location};
use crate::register::Register;

/// What an inline cache saves: two scratch registers and the arithmetic flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct InlineCacheFrame {
    /// rax.
    pub rax: u64,
    /// rcx.
    pub rcx: u64,
    /// `ax` after `lahf` and `seto al`, see [`rflags::from_lahf_seto`](crate::rflags::from_lahf_seto).
    pub flags: u64,
}

macro_rules! minimal_frame {
    ($($field:ident = $register:ident;)*) => {
        /// What a gate into code of the System V ABI saves: everything that code may change, and the
        /// stack pointer, since it gets a stack of its own. rbx, rbp and r12 to r15 stay where they
        /// are, and so do all vector registers: the code behind the gate must not use them.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[repr(C)]
        #[expect(missing_docs, reason = "the fields are the registers they are named after")]
        pub struct MinimalFrame {
            $(pub $field: u64,)*
        }

        const MINIMAL: &[(Register, u16)] =
            &[$((Register::$register, offset_of!(MinimalFrame, $field) as u16)),*];
    };
}

minimal_frame! {
    rax = RAX;
    rcx = RCX;
    rdx = RDX;
    rsi = RSI;
    rdi = RDI;
    r8 = R8;
    r9 = R9;
    r10 = R10;
    r11 = R11;
    rsp = RSP;
    rip = RIP;
    rflags = RFLAGS;
}

/// What a callout sees: every general register, rip, rflags, and where the vector state was saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct FullFrame {
    /// The general registers, rip and rflags.
    pub gprs: GprFrame,
    /// Address of an XSAVE area with the vector state, 0 when it is still in the registers.
    pub vectors: u64,
    /// Which components that area holds.
    pub vector_mask: u64,
}

const INLINE_CACHE: &[(Register, u16)] = &[
    (Register::RAX, offset_of!(InlineCacheFrame, rax) as u16),
    (Register::RCX, offset_of!(InlineCacheFrame, rcx) as u16),
];

/// Which frame is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FrameKind {
    /// None: every register is the program's.
    None,
    /// [`InlineCacheFrame`].
    InlineCache,
    /// [`MinimalFrame`].
    Minimal,
    /// [`FullFrame`].
    Full,
}

impl FrameKind {
    /// The registers it saves as they are, with their places in bytes from the frame's start.
    /// (An inline cache keeps its flags in a form of their own, which is not listed.)
    #[must_use]
    pub const fn slots(self) -> &'static [(Register, u16)] {
        match self {
            Self::None => &[],
            Self::InlineCache => INLINE_CACHE,
            Self::Minimal => MINIMAL,
            Self::Full => &GprFrame::SLOTS,
        }
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::InlineCache => size_of::<InlineCacheFrame>(),
            Self::Minimal => size_of::<MinimalFrame>(),
            Self::Full => size_of::<FullFrame>(),
        }
    }

    /// Where the program's value of `register` is while this frame is open. For rip without a slot
    /// the answer is [`Location::Lost`]: the site knows it as a constant.
    #[must_use]
    pub fn locate(self, register: Register) -> Location {
        let slot = self.slots().iter().find(|(saved, _)| *saved == register);
        match slot {
            Some(&(_, offset)) => Location::Slot { base: Base::Frame, offset: i32::from(offset) },
            None if register == Register::RIP => Location::Lost,
            None if self == Self::InlineCache && register == Register::RFLAGS => Location::Lost,
            None => Location::Register(register),
        }
    }
}

const _: () = {
    assert!(offset_of!(FullFrame, gprs) == 0 && offset_of!(FullFrame, vectors) == 144);
    assert!(size_of::<MinimalFrame>() == 96 && size_of::<InlineCacheFrame>() == 24);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysv;

    #[test]
    fn a_minimal_frame_saves_what_a_call_may_change() {
        for number in 0..16 {
            let register = Register::gpr(number).unwrap();
            let preserved = sysv::CALLEE_SAVED.contains(&register) && register != Register::RSP;
            let location = FrameKind::Minimal.locate(register);
            assert_eq!(location == Location::Register(register), preserved, "{register}");
        }
    }

    #[test]
    fn frames_hold_their_slots_without_overlap() {
        for kind in [FrameKind::None, FrameKind::InlineCache, FrameKind::Minimal, FrameKind::Full] {
            let slots = kind.slots();
            assert!(slots.windows(2).all(|pair| pair[0].1 + 8 <= pair[1].1), "{kind:?}");
            assert!(slots.iter().all(|slot| usize::from(slot.1) + 8 <= kind.bytes()), "{kind:?}");
        }
    }

    #[test]
    fn vectors_stay_in_their_registers_in_every_frame() {
        let zmm9 = Register::vector(9).unwrap();
        for kind in [FrameKind::None, FrameKind::InlineCache, FrameKind::Minimal, FrameKind::Full] {
            assert_eq!(kind.locate(zmm9), Location::Register(zmm9));
        }
    }

    #[test]
    fn an_inline_cache_has_its_flags_in_another_form() {
        assert_eq!(FrameKind::InlineCache.locate(Register::RFLAGS), Location::Lost);
        assert_eq!(FrameKind::None.locate(Register::RFLAGS), Location::Register(Register::RFLAGS));
        assert_eq!(FrameKind::Full.locate(Register::RIP), Location::Slot { base: Base::Frame, offset: 128 });
    }
}
