//! What the calling thread has of its own.

use core::arch::asm;

use midstride_os::thread::{SegmentBase, segment_base};

use super::frame::Host;

/// Everything that has to be put back behind a program.
pub(crate) fn host() -> Host {
    let (cs, ss): (u64, u64);
    // SAFETY: reads two selectors.
    unsafe { asm!("mov {:r}, cs", "mov {:r}, ss", out(reg) cs, out(reg) ss, options(nomem, nostack)) };
    // A process always knows the bases of its own threads.
    let base = |which| segment_base(which).unwrap_or_default();
    let (mxcsr, fcw) = control_words();
    Host {
        rsp: 0,
        fs_base: base(SegmentBase::Fs),
        gs_base: base(SegmentBase::Gs),
        mxcsr,
        fcw,
        cs: cs & 0xffff,
        ss: ss & 0xffff,
    }
}

/// MXCSR and the x87 control word.
fn control_words() -> (u32, u32) {
    let (mut mxcsr, mut fcw) = (0u32, 0u32);
    // SAFETY: the two instructions write 4 and 2 bytes to words of 4.
    unsafe {
        asm!("stmxcsr [{}]", "fnstcw [{}]", in(reg) &raw mut mxcsr, in(reg) &raw mut fcw, options(nostack));
    }
    (mxcsr, fcw)
}
