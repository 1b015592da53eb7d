//! The `syscall` instruction.
//!
//! Arguments go in rdi, rsi, rdx, r10, r8, r9, the number in rax; the answer comes in rax; rcx and
//! r11 are lost (System V ABI for AMD64, A.2.1).

use core::arch::asm;

use crate::errno::Errno;

macro_rules! syscall {
    ($name:ident, $count:literal $(, $argument:ident in $register:tt)*) => {
        #[doc = concat!("System call `nr` with ", $count, " arguments; the answer as the kernel gives it: ")]
        /// -4095 to -1 is an error number, see [`answer`].
        ///
        /// # Safety
        /// The caller answers for what this call does to memory, descriptors and threads.
        #[inline]
        pub unsafe fn $name(nr: u64 $(, $argument: u64)*) -> i64 {
            let raw: i64;
            // SAFETY: the kernel preserves every register but rax, rcx and r11 and does not touch the
            // stack; what the call itself does is the caller's contract.
            unsafe {
                asm!(
                    "syscall",
                    inlateout("rax") nr => raw,
                    $(in($register) $argument,)*
                    lateout("rcx") _,
                    lateout("r11") _,
                    options(nostack, preserves_flags)
                );
            }
            raw
        }
    };
}

syscall!(syscall0, "no");
syscall!(syscall1, "one", a in "rdi");
syscall!(syscall2, "two", a in "rdi", b in "rsi");
syscall!(syscall3, "three", a in "rdi", b in "rsi", c in "rdx");
syscall!(syscall4, "four", a in "rdi", b in "rsi", c in "rdx", d in "r10");
syscall!(syscall5, "five", a in "rdi", b in "rsi", c in "rdx", d in "r10", e in "r8");
syscall!(syscall6, "six", a in "rdi", b in "rsi", c in "rdx", d in "r10", e in "r8", f in "r9");

/// Tells results from errors in a system call's answer.
///
/// # Errors
/// The error number, when the answer lies between -4095 and -1.
#[inline]
pub const fn answer(raw: i64) -> Result<u64, Errno> {
    if raw < 0 && raw >= -4095 { Err(Errno::new(-raw as i32)) } else { Ok(raw as u64) }
}
