//! What this processor says of itself.

use core::arch::asm;
use core::arch::x86_64::__cpuid_count;

use midstride_frame::xsave::{CpuidAnswer, XsaveLayout};

/// CPUID leaf 0xD.
#[allow(unused_unsafe, reason = "safe in newer toolchains, unsafe in the oldest supported one")]
pub(crate) fn leaf(subleaf: u32) -> CpuidAnswer {
    // SAFETY: every x86-64 processor has cpuid.
    let answer = unsafe { __cpuid_count(0xd, subleaf) };
    CpuidAnswer { eax: answer.eax, ebx: answer.ebx, ecx: answer.ecx, edx: answer.edx }
}

/// XCR0.
fn enabled() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the kernel enables xgetbv on every processor that has xsave; the tests need it.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack)) };
    u64::from(low) | u64::from(high) << 32
}

/// This processor's layout.
pub(crate) fn layout() -> XsaveLayout {
    XsaveLayout::new(enabled(), leaf)
}

/// An area large enough for any state.
#[repr(C, align(64))]
pub(crate) struct Area(pub(crate) [u8; 16384]);

/// What `xsavec` writes, with 0xc3 in every byte of ymm7.
pub(crate) fn xsavec(mask: u64) -> Box<Area> {
    let mut area = Box::new(Area([0; 16384]));
    let pattern = [0xc3u8; 32];
    // SAFETY: the area is aligned and larger than any state; xsavec and AVX were detected.
    unsafe {
        asm!(
            "vmovdqu ymm7, [{pattern}]",
            "xsavec64 [{area}]",
            pattern = in(reg) &pattern,
            area = in(reg) &mut area.0,
            in("eax") mask as u32,
            in("edx") (mask >> 32) as u32,
            out("xmm7") _,
            options(nostack)
        );
    }
    area
}
