//! What this processor has and this kernel lets programs use.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};

use midstride_frame::xsave::{self, CpuidAnswer, XsaveLayout};

use crate::error::StartError;
use crate::registers::{Valid, XsaveFormat};

/// What matters for running programs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// Where vector and x87 registers are kept.
    pub(crate) format: XsaveFormat,
    /// Which registers there are.
    pub(crate) valid: Valid,
    /// Whether the bases of FS and GS can be changed by instructions.
    pub(crate) bases: Bases,
    /// Whether transactions exist.
    pub(crate) transactions: Transactions,
}

/// How the bases of FS and GS are changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bases {
    /// By `wrfsbase` and its like.
    Instructions,
    /// By system calls only.
    Calls,
}

/// Whether the processor has restricted transactional memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transactions {
    Present,
    Absent,
}

/// CPUID leaf 1, ecx: XGETBV works.
const OSXSAVE: u32 = 1 << 27;
/// CPUID leaf 7, ebx: restricted transactional memory.
const RTM: u32 = 1 << 11;
/// Entry of the auxiliary vector with more features.
const AT_HWCAP2: u64 = 26;
/// There: `wrfsbase` and its like are enabled.
const HWCAP2_FSGSBASE: u64 = 2;

impl Cpu {
    pub(crate) fn detect() -> Result<Self, StartError> {
        if __cpuid(1).ecx & OSXSAVE == 0 {
            return Err(StartError::Missing { what: "XSAVE" });
        }
        let format = XsaveFormat::new(XsaveLayout::new(xcr0(), |component| {
            let answer = __cpuid_count(0xd, component);
            CpuidAnswer { eax: answer.eax, ebx: answer.ebx, ecx: answer.ecx, edx: answer.edx }
        }));
        let enabled = auxiliary(AT_HWCAP2).unwrap_or(0) & HWCAP2_FSGSBASE != 0;
        let bases = if enabled { Bases::Instructions } else { Bases::Calls };
        let rtm = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).ebx & RTM != 0;
        let transactions = if rtm { Transactions::Present } else { Transactions::Absent };
        let valid = Valid::of_components(format.components());
        let valid = if enabled { valid.with_segment_bases() } else { valid };
        Ok(Self { format, valid, bases, transactions })
    }

    /// Whether there are ymm registers.
    pub(crate) fn has_avx(&self) -> bool {
        self.format.components() >> xsave::AVX & 1 != 0
    }
}

/// The components that are enabled.
fn xcr0() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the only caller has seen that the instruction works; it reads XCR0 and nothing else.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// An entry of what the kernel tells every program about itself.
fn auxiliary(key: u64) -> Option<u64> {
    let bytes = std::fs::read("/proc/self/auxv").ok()?;
    let word = |bytes: &[u8]| bytes.first_chunk().map(|own| u64::from_ne_bytes(*own));
    bytes.chunks_exact(16).find(|entry| word(entry) == Some(key)).and_then(|entry| word(&entry[8..]))
}
