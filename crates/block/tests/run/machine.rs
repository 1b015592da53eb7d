//! Runs code in this process, one instruction at a time. The only `unsafe` of this test but for memory.
//!
//! `run` executes `int3`. The handler of that trap exchanges the interrupted registers for those of the code to be
//! run, with the trap flag set, so that each of its instructions ends in the handler, which keeps the registers. When
//! the code leaves its ranges, faults, or takes too many steps, the handler brings the first registers back.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use midstride_addr::AppRange;

/// General registers by number, instruction pointer, flags.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Regs {
    pub(crate) gprs: [u64; 16],
    pub(crate) pc: u64,
    pub(crate) flags: u64,
}

/// CF, PF, AF, ZF, SF, DF, OF.
pub(crate) const COMPARED_FLAGS: u64 = 0xcd5;
/// Ends each instruction in the handler.
const TRAP_FLAG: u64 = 0x100;
/// Interrupts enabled, and the bit that is always set.
const USUAL_FLAGS: u64 = 0x202;

/// What can be seen behind an instruction.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Point {
    pub(crate) regs: Regs,
    /// The words at the start of the thread context.
    pub(crate) slots: [u64; 8],
    /// The word below the stack pointer, where that is in the stack.
    pub(crate) below: u64,
}

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// The last point lies outside.
    Left,
    /// It took as many steps as it may.
    Limit,
    /// The instruction at the last point raised this (a breakpoint: the one before it).
    Signal { number: i32, address: u64 },
}

/// A run: where it was behind each instruction, the start first.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) points: Vec<Point>,
    pub(crate) stop: Stop,
}

/// What is run.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) start: Regs,
    pub(crate) inside: Vec<AppRange>,
    pub(crate) limit: usize,
    /// Words to keep with each point, or 0.
    pub(crate) slots: u64,
    pub(crate) stack: AppRange,
}

/// Where the handler is told what to do and keeps what it saw.
struct Control {
    job: Job,
    saved: Option<[i64; 23]>,
    points: Vec<Point>,
    stop: Stop,
}

/// The run under way.
static CONTROL: AtomicPtr<UnsafeCell<Control>> = AtomicPtr::new(ptr::null_mut());
/// One machine at a time: signals and the segment base are for all.
static TURN: Mutex<()> = Mutex::new(());

const SIGNALS: [i32; 5] = [libc::SIGILL, libc::SIGSEGV, libc::SIGFPE, libc::SIGBUS, libc::SIGTRAP];
const SIGNAL_STACK: usize = 64 << 10;

/// The right to run code.
pub(crate) struct Machine {
    _turn: MutexGuard<'static, ()>,
}

impl Machine {
    /// Waits for its turn and takes over the fault signals of the process.
    pub(crate) fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let stack = vec![0u8; SIGNAL_STACK].leak();
        let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIGNAL_STACK };
        // SAFETY: the stack is never freed.
        assert_eq!(unsafe { libc::sigaltstack(&stack, ptr::null_mut()) }, 0);
        for signal in SIGNALS {
            // SAFETY: all zeros is a valid sigaction: default action, empty mask.
            let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            // SAFETY: `on_signal` has the signature that SA_SIGINFO asks for.
            assert_eq!(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) }, 0);
        }
        Self { _turn: turn }
    }

    /// Runs `job`.
    pub(crate) fn run(&mut self, job: Job) -> Trace {
        let first = Point { regs: job.start, ..Point::default() };
        let mut points = Vec::with_capacity(job.limit + 2);
        points.push(first);
        let control = Box::new(UnsafeCell::new(Control { job, saved: None, points, stop: Stop::Limit }));
        let control = Box::into_raw(control);
        CONTROL.store(control, Ordering::SeqCst);
        // SAFETY: the handler takes over at the trap and brings all registers of this context back; what runs
        // meanwhile uses memory of its own.
        unsafe { std::arch::asm!("int3", clobber_abi("C")) };
        CONTROL.store(ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: made above; the handler is done with it.
        let Control { points, stop, .. } = unsafe { Box::from_raw(control) }.into_inner();
        Trace { points, stop }
    }
}

/// Where the kernel keeps rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 … r15.
const GREGS: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

fn regs_of(gregs: &[i64; 23]) -> Regs {
    let get = |reg: i32| gregs[reg as usize].cast_unsigned();
    Regs { gprs: GREGS.map(get), pc: get(libc::REG_RIP), flags: get(libc::REG_EFL) & COMPARED_FLAGS }
}

fn set_regs(gregs: &mut [i64; 23], regs: &Regs) {
    for (reg, value) in GREGS.into_iter().zip(regs.gprs) {
        gregs[reg as usize] = value.cast_signed();
    }
    gregs[libc::REG_RIP as usize] = regs.pc.cast_signed();
    let flags = regs.flags & COMPARED_FLAGS | USUAL_FLAGS | TRAP_FLAG;
    gregs[libc::REG_EFL as usize] = flags.cast_signed();
}

impl Control {
    /// Keeps what can be seen now.
    fn keep(&mut self, regs: Regs) {
        let word = |address: u64| {
            let at = ptr::with_exposed_provenance::<u64>(address as usize);
            // SAFETY: called for words of the context and of the stack only, which are mapped.
            unsafe { at.read_unaligned() }
        };
        let mut slots = [0; 8];
        if self.job.slots != 0 {
            slots = std::array::from_fn(|slot| word(self.job.slots + slot as u64 * 8));
        }
        let below = regs.gprs[4].wrapping_sub(8);
        let in_stack = below >= self.job.stack.start().get() && below <= self.job.stack.end().get() - 8;
        let below = if in_stack { word(below) } else { 0 };
        self.points.push(Point { regs, slots, below });
    }

    /// Why the run ends here, if it does.
    fn stop(&self, pc: u64, number: i32, code: i32, address: u64) -> Option<Stop> {
        let is_step = number == libc::SIGTRAP && code == libc::TRAP_TRACE;
        if !is_step {
            return Some(Stop::Signal { number, address });
        }
        let inside = self.job.inside.iter().any(|range| range.contains(midstride_addr::AppPc::new(pc)));
        match inside {
            false => Some(Stop::Left),
            true if self.points.len() > self.job.limit => Some(Stop::Limit),
            true => None,
        }
    }
}

extern "C" fn on_signal(number: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    let context: *mut libc::ucontext_t = context.cast();
    // SAFETY: the kernel passes the interrupted context; it is ours until the handler returns.
    let gregs = unsafe { &mut (*context).uc_mcontext.gregs };
    let control = CONTROL.load(Ordering::SeqCst);
    if control.is_null() {
        // SAFETY: the default action is always allowed; the fault comes again and meets it.
        unsafe { libc::signal(number, libc::SIG_DFL) };
        return;
    }
    // SAFETY: `run` made it and waits for this handler.
    let control = unsafe { &mut *(*control).get() };
    let Some(saved) = control.saved else {
        control.saved = Some(*gregs);
        return set_regs(gregs, &control.job.start);
    };
    // SAFETY: the kernel passes a complete structure.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as u64) };
    let regs = regs_of(gregs);
    control.keep(regs);
    if let Some(stop) = control.stop(regs.pc, number, code, address) {
        control.stop = stop;
        *gregs = saved;
    }
}
