//! The frame Linux pushes for a signal handler on x86-64, as `repr(C)` data.
//!
//! ```text
//! rsp at handler entry ─► | restorer (return address) 8 | UContext 304 | SigInfo 128 | pad | fpstate .. |
//! ```
//! rsi holds the address of the [`SigInfo`], rdx that of the [`UContext`], rdi the signal number.
//! The floating-point state lies above, aligned to 64, at [`MContext::fpstate`].
//! Source: Linux `arch/x86/include/asm/sigframe.h`, `uapi/asm/sigcontext.h`, `uapi/asm-generic/siginfo.h`.

use core::mem::offset_of;

use crate::gpr::GprFrame;
use crate::xsave::{HEADER_BYTES, LEGACY_BYTES, legacy};

/// The interrupted registers, the kernel's `struct sigcontext_64`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are the registers they are named after")]
pub struct MContext {
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rsp: u64,
    pub rip: u64,
    pub rflags: u64,
    pub cs: u16,
    pub gs: u16,
    pub fs: u16,
    pub ss: u16,
    /// Error code of the exception, as the processor pushed it.
    pub err: u64,
    /// Vector of the last exception.
    pub trapno: u64,
    /// Low word of the blocked signals; [`UContext::sigmask`] is the whole.
    pub oldmask: u64,
    /// Address of the last page fault.
    pub cr2: u64,
    /// Address of the floating-point state, 0 when there is none.
    pub fpstate: u64,
    /// Not used by the kernel.
    pub reserved: [u64; 8],
}

impl MContext {
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

/// An alternate stack, the kernel's `stack_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct SignalStack {
    /// Its lowest address.
    pub sp: u64,
    /// `SS_ONSTACK` 1, `SS_DISABLE` 2, `SS_AUTODISARM` 1 << 31.
    pub flags: u32,
    /// Always 0.
    pub pad: u32,
    /// Its length in bytes.
    pub size: u64,
}

/// What `rt_sigreturn` restores, the kernel's `struct ucontext`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct UContext {
    /// [`UC_FP_XSTATE`] and the like.
    pub flags: u64,
    /// Not used by the kernel.
    pub link: u64,
    /// The alternate stack at the time of the signal.
    pub stack: SignalStack,
    /// The interrupted registers.
    pub mcontext: MContext,
    /// The signals blocked before the handler; bit 0 is signal 1.
    pub sigmask: u64,
}

/// [`UContext::flags`]: the floating-point state is in XSAVE format.
pub const UC_FP_XSTATE: u64 = 1;
/// [`UContext::flags`]: `ss` was saved, always set by kernels since 4.6.
pub const UC_SIGCONTEXT_SS: u64 = 2;
/// [`UContext::flags`]: `rt_sigreturn` takes `ss` as it is.
pub const UC_STRICT_RESTORE_SS: u64 = 4;

/// Why a signal came, the kernel's `siginfo_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct SigInfo {
    /// The signal's number.
    pub signo: i32,
    /// An error number, seldom set.
    pub errno: i32,
    /// Positive: raised by the kernel for a reason that depends on the signal. 0 and below: sent.
    pub code: i32,
    /// Not used.
    pub pad: i32,
    /// A union; the methods name what its words mean for each kind of signal.
    pub words: [u64; 14],
}

impl SigInfo {
    /// For a fault: the address that was accessed, or that of the instruction.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.words[0]
    }

    /// For a sent signal or a child's end: the process it came from.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.words[0] as i32
    }

    /// For a sent signal or a child's end: that process's real user.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        (self.words[0] >> 32) as u32
    }

    /// For a queued signal: the value sent with it.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.words[1]
    }

    /// For a child's end: its exit status or the signal that ended it.
    #[must_use]
    pub const fn status(&self) -> i32 {
        self.words[1] as i32
    }

    /// For a seccomp trap: the address behind the system call instruction.
    #[must_use]
    pub const fn call_address(&self) -> u64 {
        self.words[0]
    }

    /// For a seccomp trap: the system call's number.
    #[must_use]
    pub const fn syscall(&self) -> i32 {
        self.words[1] as i32
    }
}

/// All that the kernel writes at the new stack pointer; the stack pointer is 8 less than a multiple
/// of 16 then, as behind a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct SignalFrame {
    /// Return address of the handler: the restorer that calls `rt_sigreturn`.
    pub restorer: u64,
    /// The interrupted state.
    pub ucontext: UContext,
    /// The reason.
    pub siginfo: SigInfo,
}

impl SignalFrame {
    /// The interrupted registers from the bytes of a frame, for whoever must not cast addresses.
    ///
    /// # Errors
    /// The number of bytes given, when they are fewer than a frame has.
    pub fn read_gprs(frame: &[u8]) -> Result<GprFrame, usize> {
        let mcontext = offset_of!(Self, ucontext) + offset_of!(UContext, mcontext);
        let word = |offset: usize| {
            let bytes = frame.get(mcontext + offset..)?.first_chunk::<8>()?;
            Some(u64::from_le_bytes(*bytes))
        };
        let words = MCONTEXT_GPRS.map(word);
        if words.iter().any(Option::is_none) {
            return Err(frame.len());
        }
        Ok(GprFrame::from_words(words.map(Option::unwrap_or_default)))
    }
}

/// Where [`MContext`] has the words of a [`GprFrame`], in that frame's order, in bytes.
pub const MCONTEXT_GPRS: [usize; 18] = [
    offset_of!(MContext, rax),
    offset_of!(MContext, rcx),
    offset_of!(MContext, rdx),
    offset_of!(MContext, rbx),
    offset_of!(MContext, rsp),
    offset_of!(MContext, rbp),
    offset_of!(MContext, rsi),
    offset_of!(MContext, rdi),
    offset_of!(MContext, r8),
    offset_of!(MContext, r9),
    offset_of!(MContext, r10),
    offset_of!(MContext, r11),
    offset_of!(MContext, r12),
    offset_of!(MContext, r13),
    offset_of!(MContext, r14),
    offset_of!(MContext, r15),
    offset_of!(MContext, rip),
    offset_of!(MContext, rflags),
];

/// The software-reserved bytes of the floating-point state in a signal frame, the kernel's
/// `struct _fpx_sw_bytes`, at [`legacy::SOFTWARE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SoftwareBytes {
    /// Bytes of the state with the second magic number.
    pub extended_bytes: u32,
    /// Components the area can hold, as in XCR0.
    pub components: u64,
    /// Bytes of the XSAVE area; the second magic number is right behind.
    pub area_bytes: u32,
}

/// First word of the software bytes of an extended state (`FP_XSTATE_MAGIC1`).
pub const MAGIC1: u32 = 0x4650_5853;
/// Word behind an extended state (`FP_XSTATE_MAGIC2`).
pub const MAGIC2: u32 = 0x4650_5845;

impl SoftwareBytes {
    /// Reads them from the bytes of a floating-point state, from [`MContext::fpstate`] on. `None`
    /// when it is in the plain 512-byte format: no first magic number, sizes that cannot be, or no
    /// second magic number. That is how the kernel tells when it restores it.
    ///
    /// ```
    /// use midstride_frame::signal::SoftwareBytes;
    ///
    /// assert_eq!(SoftwareBytes::read(&[0; 1024]), None);
    /// ```
    #[must_use]
    pub fn read(state: &[u8]) -> Option<Self> {
        let start = legacy::SOFTWARE as usize;
        let word = |at: usize| Some(u32::from_le_bytes(*state.get(at..)?.first_chunk()?));
        let components = u64::from(word(start + 8)?) | u64::from(word(start + 12)?) << 32;
        let this = Self { extended_bytes: word(start + 4)?, components, area_bytes: word(start + 16)? };
        let fits = this.area_bytes >= LEGACY_BYTES + HEADER_BYTES && this.area_bytes <= this.extended_bytes;
        let magic = word(start)? == MAGIC1 && word(this.area_bytes as usize)? == MAGIC2;
        (fits && magic).then_some(this)
    }
}

const _: () = {
    assert!(size_of::<MContext>() == 256 && offset_of!(MContext, rip) == 128);
    assert!(offset_of!(MContext, cs) == 144 && offset_of!(MContext, err) == 152);
    assert!(offset_of!(MContext, fpstate) == 184);
    assert!(size_of::<SignalStack>() == 24 && offset_of!(SignalStack, size) == 16);
    assert!(offset_of!(UContext, mcontext) == 40 && offset_of!(UContext, sigmask) == 296);
    assert!(size_of::<UContext>() == 304);
    assert!(size_of::<SigInfo>() == 128 && offset_of!(SigInfo, words) == 16);
    assert!(offset_of!(SignalFrame, ucontext) == 8 && offset_of!(SignalFrame, siginfo) == 312);
    assert!(size_of::<SignalFrame>() == 440);
};
