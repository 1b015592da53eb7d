//! The registers `PTRACE_GETREGS` hands out, the kernel's `struct user_regs_struct`.
//!
//! Source: Linux `arch/x86/include/asm/user_64.h`.

use core::mem::offset_of;

use crate::gpr::GprFrame;

/// 27 words of 8 bytes; segment selectors fill a word each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are the registers they are named after")]
pub struct PtraceRegs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The system call's number while rax holds its answer; negative outside one. Writing a
    /// negative value keeps the kernel from restarting an interrupted call.
    pub orig_rax: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
    pub fs_base: u64,
    pub gs_base: u64,
    pub ds: u64,
    pub es: u64,
    pub fs: u64,
    pub gs: u64,
}

const _: () = {
    assert!(size_of::<PtraceRegs>() == 216);
    assert!(offset_of!(PtraceRegs, orig_rax) == 120 && offset_of!(PtraceRegs, rip) == 128);
    assert!(offset_of!(PtraceRegs, rsp) == 152 && offset_of!(PtraceRegs, fs_base) == 168);
};

impl PtraceRegs {
    /// The general registers, rip and rflags.
    #[must_use]
    pub const fn gprs(&self) -> GprFrame {
        crate::convert::gprs!(self)
    }

    /// Replaces the general registers, rip and rflags.
    pub const fn set_gprs(&mut self, gprs: &GprFrame) {
        crate::convert::set_gprs!(self, gprs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_registers_go_in_and_come_out() {
        let gprs = GprFrame::from_words(core::array::from_fn(|n| n as u64 + 1));
        let mut regs = PtraceRegs { orig_rax: 99, fs_base: 98, ..PtraceRegs::default() };
        regs.set_gprs(&gprs);
        assert_eq!(regs.gprs(), gprs);
        assert_eq!((regs.rsp, regs.orig_rax, regs.fs_base), (5, 99, 98));
    }
}
