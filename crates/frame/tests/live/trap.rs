//! A breakpoint with known registers, and a handler that copies its frame.

use core::arch::naked_asm;
use std::cell::RefCell;
use std::sync::Once;

use midstride_frame::GprFrame;
use midstride_frame::signal::{SigInfo, SignalFrame, UContext};
use midstride_os::signal::SigSet;
use midstride_os::signal::{KernelSigaction, SA_RESTORER, SA_SIGINFO, SIGTRAP, rt_sigaction, rt_sigreturn};

/// What the general registers hold at the breakpoint, but for rsp, rip and rflags.
pub(crate) const EXPECTED: GprFrame = GprFrame {
    rax: 0x1111_0000,
    rcx: 0x1111_0001,
    rdx: 0x1111_0002,
    rbx: 0x1111_0003,
    rsp: 0,
    rbp: 0x1111_0005,
    rsi: 0x1111_0006,
    rdi: 0x1111_0007,
    r8: 0x1111_0008,
    r9: 0x1111_0009,
    r10: 0x1111_000a,
    r11: 0x1111_000b,
    r12: 0x1111_000c,
    r13: 0x1111_000d,
    r14: 0x1111_000e,
    r15: 0x1111_000f,
    rip: 0,
    rflags: 0,
};

/// What the handler saw.
#[derive(Clone, Debug)]
pub(crate) struct Trapped {
    /// The bytes of the frame, from the return address on.
    pub(crate) frame: Vec<u8>,
    pub(crate) ucontext: UContext,
    pub(crate) siginfo: SigInfo,
    /// The bytes of the floating-point state.
    pub(crate) state: Vec<u8>,
    /// rsp at the breakpoint.
    pub(crate) rsp: u64,
    /// The address behind the breakpoint.
    pub(crate) after: u64,
    /// What zmm7, ymm7 or xmm7 held.
    pub(crate) vector: Vec<u8>,
    /// rax behind the breakpoint.
    pub(crate) result: u64,
}

/// A function that traps: its two results go to the words behind the pointer.
type Trap = unsafe extern "C" fn(*mut u64) -> u64;
/// What the handler copied: frame, ucontext, siginfo, floating-point state.
type Seen = (Vec<u8>, UContext, SigInfo, Vec<u8>);
/// What a handler does to the state before it returns.
type Change = fn(&mut UContext);

thread_local! {
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
    static CHANGE: RefCell<Change> = const { RefCell::new(|_| ()) };
}

/// # Safety
/// Only the kernel calls it, with a frame's parts.
unsafe extern "C" fn handler(_: i32, siginfo: *const SigInfo, ucontext: *mut UContext) {
    let start = ucontext.cast::<u8>().wrapping_sub(8);
    // SAFETY: the kernel wrote a whole frame from 8 bytes before the ucontext on.
    let frame = unsafe { core::slice::from_raw_parts(start, size_of::<SignalFrame>()) }.to_vec();
    // SAFETY: the kernel passed pointers to both.
    let (ucontext, siginfo) = unsafe { (&mut *ucontext, *siginfo) };
    // SAFETY: an extended state is at least this long, and so is the rest of the stack above.
    let software = unsafe { core::slice::from_raw_parts(ucontext.mcontext.fpstate as *const u8, 512) };
    let length = u32::from_le_bytes(*software[468..].first_chunk().unwrap()) as usize;
    // SAFETY: the kernel wrote that many bytes there.
    let state = unsafe { core::slice::from_raw_parts(software.as_ptr(), length) }.to_vec();
    SEEN.set(Some((frame, *ucontext, siginfo, state)));
    CHANGE.with_borrow(|change| change(ucontext));
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let action = KernelSigaction {
            handler: handler as *const () as u64,
            flags: SA_SIGINFO | SA_RESTORER,
            restorer: rt_sigreturn as *const () as u64,
            mask: SigSet::EMPTY,
        };
        // SAFETY: the handler touches this thread's own storage, at breakpoints of these tests only.
        unsafe { rt_sigaction(SIGTRAP, Some(&action)) }.unwrap();
    });
}

fn run(trap: Trap, vector: Vec<u8>) -> Trapped {
    install();
    let mut words = [0u64; 2];
    // SAFETY: the functions below write two words and keep the ABI.
    let result = unsafe { trap(words.as_mut_ptr()) };
    let (frame, ucontext, siginfo, state) = SEEN.take().expect("the handler ran");
    let [rsp, after] = words;
    Trapped { frame, ucontext, siginfo, state, rsp, after, vector, result }
}

/// Traps with the widest form of vector register 7 full of 0x5a.
pub(crate) fn trap() -> Trapped {
    if std::is_x86_feature_detected!("avx512f") {
        run(trap_zmm, vec![0x5a; 64])
    } else if std::is_x86_feature_detected!("avx") {
        run(trap_ymm, vec![0x5a; 32])
    } else {
        run(trap_xmm, vec![0x5a; 16])
    }
}

/// Traps with zmm29 and k3 set; the processor has AVX-512.
pub(crate) fn trap_with_avx512() -> Trapped {
    run(trap_upper, Vec::new())
}

/// Traps, and lets `change` see the state before it is restored.
pub(crate) fn trap_changing(change: Change) -> Trapped {
    CHANGE.set(change);
    let trapped = trap();
    CHANGE.set(|_| ());
    trapped
}

static PATTERN: [u8; 64] = [0x5a; 64];
static UPPER: [u8; 64] = [0xa5; 64];

/// A function that loads vectors with `$load`, every general register with its constant, and traps.
macro_rules! trap_function {
    ($name:ident, $pattern:ident, $($load:literal),*) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(words: *mut u64) -> u64 {
            naked_asm!(
                "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
                "lea rax, [rip + 2f]",
                "mov [rdi], rsp",
                "mov [rdi + 8], rax",
                "lea rax, [rip + {pattern}]",
                $($load,)*
                "mov eax, 0x11110000", "mov ecx, 0x11110001", "mov edx, 0x11110002", "mov ebx, 0x11110003",
                "mov ebp, 0x11110005", "mov esi, 0x11110006", "mov edi, 0x11110007", "mov r8d, 0x11110008",
                "mov r9d, 0x11110009", "mov r10d, 0x1111000a", "mov r11d, 0x1111000b",
                "mov r12d, 0x1111000c", "mov r13d, 0x1111000d", "mov r14d, 0x1111000e",
                "mov r15d, 0x1111000f",
                "int3",
                "2:",
                "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
                "ret",
                pattern = sym $pattern,
            )
        }
    };
}

trap_function!(trap_xmm, PATTERN, "movups xmm7, [rax]");
trap_function!(trap_ymm, PATTERN, "vmovups ymm7, [rax]");
trap_function!(trap_zmm, PATTERN, "vmovups zmm7, [rax]");
trap_function!(trap_upper, UPPER, "vmovups zmm29, [rax]", "mov ecx, 0x5678", "kmovw k3, ecx");
