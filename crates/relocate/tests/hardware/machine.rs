//! Executes one instruction with given registers and flags, in this process. The only `unsafe` of this package.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use midstride_addr::AppPc;
use midstride_asm::Gpr;
use midstride_relocate::FlagSet;

/// Registers by number (rsp is not used), and the tracked flags where RFLAGS has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(crate) struct State {
    pub(crate) gprs: [u64; 16],
    pub(crate) flags: u64,
}

impl State {
    pub(crate) fn gpr(&self, gpr: Gpr) -> u64 {
        self.gprs[usize::from(gpr.number())]
    }
}

// hardware_enter(rdi: *mut State, rsi: code, rdx: *const FxState) -> eax: 0 done, 1 faulted.
//
// `code` ends in a jump to hardware_leave. The fault handler resumes at hardware_fault.
std::arch::global_asm!(
    ".pushsection .bss.hardware,\"aw\",@nobits",
    ".balign 8",
    "hardware_rsp: .quad 0",
    "hardware_state: .quad 0",
    "hardware_code: .quad 0",
    "hardware_rdi: .quad 0",
    ".popsection",
    ".globl hardware_enter, hardware_leave, hardware_fault",
    "hardware_enter:",
    "push rbx; push rbp; push r12; push r13; push r14; push r15",
    "mov [rip + hardware_rsp], rsp",
    "mov [rip + hardware_state], rdi",
    "mov [rip + hardware_code], rsi",
    "fxrstor64 [rdx]",
    "push qword ptr [rdi + 128]; popfq",
    "mov rax, [rdi]; mov rcx, [rdi + 8]; mov rdx, [rdi + 16]; mov rbx, [rdi + 24]",
    "mov rbp, [rdi + 40]; mov rsi, [rdi + 48]; mov r8, [rdi + 64]; mov r9, [rdi + 72]",
    "mov r10, [rdi + 80]; mov r11, [rdi + 88]; mov r12, [rdi + 96]; mov r13, [rdi + 104]",
    "mov r14, [rdi + 112]; mov r15, [rdi + 120]; mov rdi, [rdi + 56]",
    "jmp [rip + hardware_code]",
    "hardware_leave:",
    "mov [rip + hardware_rdi], rdi",
    "mov rdi, [rip + hardware_state]",
    "mov [rdi], rax; mov [rdi + 8], rcx; mov [rdi + 16], rdx; mov [rdi + 24], rbx",
    "mov [rdi + 40], rbp; mov [rdi + 48], rsi; mov [rdi + 64], r8; mov [rdi + 72], r9",
    "mov [rdi + 80], r10; mov [rdi + 88], r11; mov [rdi + 96], r12; mov [rdi + 104], r13",
    "mov [rdi + 112], r14; mov [rdi + 120], r15",
    "mov rax, [rip + hardware_rdi]; mov [rdi + 56], rax",
    "mov rsp, [rip + hardware_rsp]",
    "pushfq; pop qword ptr [rdi + 128]",
    "xor eax, eax",
    "2:",
    "cld; fninit",
    "pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx",
    "ret",
    "hardware_fault:",
    "mov rsp, [rip + hardware_rsp]",
    "mov eax, 1",
    "jmp 2b",
);

unsafe extern "C" {
    fn hardware_enter(state: *mut State, code: *const u8, fx: *const FxState) -> i32;
    fn hardware_leave();
    fn hardware_fault();
}

/// x87 and SSE registers as `fxrstor64` takes them (SDM vol. 1, 10.5.1).
#[repr(C, align(16))]
struct FxState([u8; 512]);

impl FxState {
    /// Eight doubles on the x87 stack, arbitrary bytes in xmm0 to xmm15, all exceptions masked.
    fn new() -> Self {
        let mut image = [0; 512];
        image[..5].copy_from_slice(&[0x7f, 0x03, 0, 0, 0xff]);
        image[24..28].copy_from_slice(&0x1f80u32.to_le_bytes());
        for (n, register) in image[32..160].chunks_exact_mut(16).enumerate() {
            register[..10].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0x80 | n as u8, n as u8, 0x40]);
        }
        image[160..416].iter_mut().zip(0..=u8::MAX).for_each(|(byte, n)| *byte = n.wrapping_mul(0x9d) ^ 0x5a);
        Self(image)
    }
}

const PAGE: usize = 4096;
const SIGNALS: [i32; 5] = [libc::SIGILL, libc::SIGSEGV, libc::SIGFPE, libc::SIGBUS, libc::SIGTRAP];

/// A page of code, and handlers for the faults of what is put there.
pub(crate) struct Machine {
    page: *mut u8,
    fx: FxState,
}

/// An anonymous mapping of `len` bytes.
fn map(len: usize, protection: i32) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh mapping where the kernel likes touches nothing that exists.
    let address = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
    assert_ne!(address, libc::MAP_FAILED, "no memory for {len:#x} bytes");
    address.cast()
}

impl Machine {
    /// Takes over the fault signals of the process; this test binary has one test, which makes one machine.
    pub(crate) fn new() -> Self {
        let stack = libc::stack_t {
            ss_sp: map(16 * PAGE, libc::PROT_READ | libc::PROT_WRITE).cast(),
            ss_flags: 0,
            ss_size: 16 * PAGE,
        };
        // SAFETY: the stack is mapped above and never unmapped.
        assert_eq!(unsafe { libc::sigaltstack(&stack, ptr::null_mut()) }, 0);
        for signal in SIGNALS {
            // SAFETY: all zeros is a valid sigaction: default action, empty mask.
            let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
            action.sa_sigaction = on_fault as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            // SAFETY: `on_fault` has the signature SA_SIGINFO asks for and touches only its own frame.
            assert_eq!(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) }, 0);
        }
        let page = map(PAGE, libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC);
        PAGE_ADDRESS.store(page as u64, Relaxed);
        Self { page, fx: FxState::new() }
    }

    /// Where instructions are executed.
    pub(crate) fn pc(&self) -> AppPc {
        AppPc::new(self.page as u64)
    }

    /// The state behind the instruction `bytes`, or `None` when it faults. It must go on with what follows it,
    /// and touch neither memory nor rsp.
    pub(crate) fn run(&mut self, bytes: &[u8], state: &State) -> Option<State> {
        let leave = (hardware_leave as *const () as u64).to_le_bytes();
        let code = [bytes, &[0xff, 0x25, 0, 0, 0, 0], &leave].concat();
        assert!(code.len() < PAGE);
        let mut state = *state;
        // Interrupts stay enabled, and bit 1 is always set.
        state.flags |= 0x202;
        // SAFETY: the page is ours, writable, and longer than the code (asserted above); nothing runs there now.
        unsafe { ptr::copy_nonoverlapping(code.as_ptr(), self.page, code.len()) };
        // SAFETY: hardware_enter saves and restores what the ABI asks for; the caller's instruction touches registers
        // only, and the jump behind it leads to hardware_leave. A fault leads there by `on_fault`.
        let faulted = unsafe { hardware_enter(&mut state, self.page, &self.fx) };
        state.flags &= u64::from(FlagSet::ALL.bits());
        (faulted == 0).then_some(state)
    }
}

/// Where the machine's page is, for the handler.
static PAGE_ADDRESS: AtomicU64 = AtomicU64::new(0);

/// Resumes at hardware_fault; a fault of anything else is the process's end, as without us.
extern "C" fn on_fault(signal: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
    let context: *mut libc::ucontext_t = context.cast();
    // SAFETY: the kernel passes the interrupted context; it is ours until the handler returns.
    let registers = unsafe { &mut (*context).uc_mcontext.gregs };
    let rip = &mut registers[libc::REG_RIP as usize];
    if (*rip as u64).wrapping_sub(PAGE_ADDRESS.load(Relaxed)) < PAGE as u64 {
        *rip = hardware_fault as *const () as i64;
    } else {
        // SAFETY: the default action is always allowed; the fault comes again and meets it.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}
