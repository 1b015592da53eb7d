//! The same techniques with nothing around them.

use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use midstride_os::futex;
use midstride_os::mem::{self, Backing, MapFlags, Prot, RemapFlags};
use midstride_os::process::{Change, fork_waiting, pin, wait};
use midstride_os::ptrace::{O_EXITKILL, cont, interrupt, registers, seize, set_registers, single_step};
use midstride_os::signal::{
    KernelSigaction, SA_RESTORER, SA_SIGINFO, SIGKILL, SIGTRAP, SigInfo, SigSet, UContext, rt_sigaction,
    rt_sigreturn,
};
use midstride_os::thread::{getpid, gettid, processor, tgkill};

/// 16 general registers and flags.
#[repr(C)]
struct Integer {
    words: [u64; 17],
    rsp: u64,
}

/// Loads 15 registers and flags, carries out one instruction, saves them.
#[unsafe(naked)]
extern "C" fn enter_integer(_state: &mut Integer) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi + 136], rsp",
        "push qword ptr [rdi + 128]",
        "popfq",
        "mov rax, [rdi]",
        "mov rcx, [rdi + 8]",
        "mov rdx, [rdi + 16]",
        "mov rbx, [rdi + 24]",
        "mov rbp, [rdi + 40]",
        "mov rsi, [rdi + 48]",
        "mov r8, [rdi + 64]",
        "mov r9, [rdi + 72]",
        "mov r10, [rdi + 80]",
        "mov r11, [rdi + 88]",
        "mov r12, [rdi + 96]",
        "mov r13, [rdi + 104]",
        "mov r14, [rdi + 112]",
        "mov r15, [rdi + 120]",
        "inc rax",
        "mov [rdi], rax",
        "mov [rdi + 8], rcx",
        "mov [rdi + 16], rdx",
        "mov [rdi + 24], rbx",
        "mov [rdi + 40], rbp",
        "mov [rdi + 48], rsi",
        "mov [rdi + 64], r8",
        "mov [rdi + 72], r9",
        "mov [rdi + 80], r10",
        "mov [rdi + 88], r11",
        "mov [rdi + 96], r12",
        "mov [rdi + 104], r13",
        "mov [rdi + 112], r14",
        "mov [rdi + 120], r15",
        "mov rsp, [rdi + 136]",
        "pushfq",
        "pop qword ptr [rdi + 128]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

/// Enters and leaves for one instruction with general registers and flags.
pub(crate) fn integer(count: u64) -> Duration {
    let mut state = Integer { words: [0; 17], rsp: 0 };
    state.words[16] = 0x202;
    let start = Instant::now();
    (0..count).for_each(|_| enter_integer(&mut state));
    let elapsed = start.elapsed();
    assert_eq!(state.words[0], count);
    elapsed
}

#[repr(C, align(64))]
struct Area([u8; 8192]);

/// The same with vector and x87 registers.
pub(crate) fn vector(count: u64) -> Duration {
    let mut state = Integer { words: [0; 17], rsp: 0 };
    state.words[16] = 0x202;
    let mut area = Box::new(Area([0; 8192]));
    area.0[512] = 3;
    area.0[24..28].copy_from_slice(&0x1f80u32.to_le_bytes());
    let at = area.0.as_mut_ptr();
    let start = Instant::now();
    for _ in 0..count {
        // SAFETY: the area is aligned and holds a state that loads; nothing of this program is in these
        // registers across the block.
        unsafe {
            asm!("xrstor64 [{}]", in(reg) at, in("eax") 0xe7, in("edx") 0, out("xmm0") _, clobber_abi("C"));
        }
        enter_integer(&mut state);
        // SAFETY: the area is large enough.
        unsafe {
            asm!("xsave64 [{}]", in(reg) at, in("eax") 0xe7, in("edx") 0, clobber_abi("C"));
        }
    }
    start.elapsed()
}

static COUNT: AtomicU64 = AtomicU64::new(0);

extern "C" fn counting(_: i32, _: *mut SigInfo, _: *mut UContext) {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// Runs with a handler for SIGTRAP.
fn handled(handler: extern "C" fn(i32, *mut SigInfo, *mut UContext), run: impl FnOnce()) -> Duration {
    let action = KernelSigaction {
        handler: handler as *const () as u64,
        flags: SA_SIGINFO | SA_RESTORER,
        restorer: rt_sigreturn as *const () as u64,
        mask: SigSet::EMPTY,
    };
    // SAFETY: the handlers here touch statics and code that nobody else uses.
    let old = unsafe { rt_sigaction(SIGTRAP, Some(&action)) }.expect("a handler");
    let start = Instant::now();
    run();
    let elapsed = start.elapsed();
    // SAFETY: what was there before.
    unsafe { rt_sigaction(SIGTRAP, Some(&old)) }.expect("the old one");
    elapsed
}

/// Single steps by the trap flag, with a handler that counts.
pub(crate) fn flag(count: u64) -> Duration {
    COUNT.store(0, Ordering::Relaxed);
    let elapsed = handled(counting, || {
        // SAFETY: a loop of two instructions under the trap flag.
        unsafe {
            asm!(
                "pushfq", "or dword ptr [rsp], 0x100", "popfq",
                "2:", "dec {n}", "jnz 2b",
                "pushfq", "and dword ptr [rsp], -257", "popfq",
                n = inout(reg) count.div_ceil(2) => _,
            );
        }
    });
    assert!(COUNT.load(Ordering::Relaxed) >= count);
    elapsed
}

/// Where the code that is stepped is written.
static ALIAS: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static CODE: AtomicU64 = AtomicU64::new(0);

/// Takes the breakpoint out, goes back to it, and puts one behind the next instruction, which is 1 byte long.
/// The last one leads to a return.
extern "C" fn stepping(_: i32, _: *mut SigInfo, context: *mut UContext) {
    // SAFETY: the kernel's frame.
    let context = unsafe { &mut (*context).mcontext };
    context.rip -= 1;
    let left = COUNT.fetch_sub(1, Ordering::Relaxed);
    let offset = (context.rip - CODE.load(Ordering::Relaxed)) as usize;
    let next = if offset == LAST { 0 } else { offset + 1 };
    let alias = ALIAS.load(Ordering::Relaxed);
    // SAFETY: both offsets are in the page.
    unsafe { alias.add(offset).write_volatile(if offset == LAST { 0xeb } else { 0x90 }) };
    if left > 0 {
        // SAFETY: as above.
        unsafe { alias.add(next).write_volatile(0xcc) };
    } else {
        context.rip = CODE.load(Ordering::Relaxed) + RETURN as u64;
    }
}

/// Offset of the jump back to the start.
const LAST: usize = 63;
/// Offset of a return.
const RETURN: usize = 128;

/// Steps by breakpoints that the handler plants.
pub(crate) fn breakpoints(count: u64) -> Duration {
    let flags = MapFlags::SHARED | MapFlags::ANONYMOUS;
    // SAFETY: a new mapping.
    let alias =
        unsafe { mem::mmap(0, 4096, Prot::READ | Prot::WRITE, flags, Backing::Anonymous) }.expect("a page");
    // SAFETY: a second view of it.
    let code = unsafe { mem::mremap(alias, 0, 4096, RemapFlags::MAYMOVE, 0) }.expect("a view");
    // SAFETY: nobody writes through this view.
    unsafe { mem::mprotect(code, 4096, Prot::READ | Prot::EXEC) }.expect("executable");
    let bytes = core::ptr::with_exposed_provenance_mut::<u8>(alias as usize);
    // SAFETY: inside of the page.
    unsafe {
        bytes.write_bytes(0x90, LAST);
        bytes.add(LAST).write(0xeb);
        bytes.add(LAST + 1).write((-(LAST as i64) - 2) as u8);
        bytes.add(RETURN).write(0xc3);
        bytes.write(0xcc);
    }
    ALIAS.store(bytes, Ordering::Relaxed);
    CODE.store(code, Ordering::Relaxed);
    COUNT.store(count, Ordering::Relaxed);
    let elapsed = handled(stepping, || {
        // SAFETY: nops, and a return that the handler goes to in the end.
        let run: extern "C" fn() = unsafe { core::mem::transmute(code as usize) };
        run();
    });
    // SAFETY: nobody uses them any more.
    unsafe { mem::munmap(alias, 4096) }.expect("unmapped");
    // SAFETY: as above.
    unsafe { mem::munmap(code, 4096) }.expect("unmapped");
    elapsed
}

/// Single steps of a child, with its general registers read each time.
pub(crate) fn ptrace(count: u64) -> Duration {
    std::thread::scope(|scope| scope.spawn(|| ptrace_here(count)).join()).expect("a child")
}

fn ptrace_here(count: u64) -> Duration {
    let pid = spinning_child();
    let start = Instant::now();
    for _ in 0..count {
        single_step(pid, 0).expect("a step");
        assert!(matches!(wait(pid), Ok(Change::Stopped { signal: SIGTRAP, .. })));
        core::hint::black_box(registers(pid).expect("registers"));
    }
    let elapsed = start.elapsed();
    end(pid);
    elapsed
}

/// A child in an endless loop, stopped, on the processor of this thread.
fn spinning_child() -> i32 {
    pin(0, processor()).expect("a processor");
    // SAFETY: the child runs a loop in its own copy.
    let pid = unsafe { fork_waiting() }.expect("a child");
    seize(pid, O_EXITKILL).expect("a tracer");
    interrupt(pid).expect("a stop");
    wait(pid).expect("a stop");
    let mut regs = registers(pid).expect("registers");
    (regs.rip, regs.orig_rax) = (spin as *const () as u64, u64::MAX);
    set_registers(pid, &regs).expect("registers");
    pid
}

fn end(pid: i32) {
    tgkill(pid, pid, SIGKILL).expect("its end");
    while let Ok(Change::Stopped { .. }) = wait(pid) {}
}

#[unsafe(naked)]
extern "C" fn spin() -> ! {
    naked_asm!("2:", "inc rax", "inc rbx", "jmp 2b")
}

/// Answers a sample: 0 wanted, 1 there.
static ANSWER: AtomicU32 = AtomicU32::new(0);
static SAMPLE: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicU32 = AtomicU32::new(0);

extern "C" fn sampling(_: i32, _: *mut SigInfo, context: *mut UContext) {
    // SAFETY: the kernel's frame.
    let context = unsafe { &(*context).mcontext };
    SAMPLE.store(context.rip, Ordering::Relaxed);
    ANSWER.store(1, Ordering::Release);
    // The sleeper wakes up, or will see the answer.
    let _ = futex::wake(&ANSWER, 1, futex::Scope::Private);
}

/// Looks at a running thread's registers by a signal, and sleeps until its handler has them.
pub(crate) fn sample(count: u64) -> Duration {
    const SIGNAL: i32 = 50;
    let action = KernelSigaction {
        handler: sampling as *const () as u64,
        flags: SA_SIGINFO | SA_RESTORER,
        restorer: rt_sigreturn as *const () as u64,
        mask: SigSet::EMPTY,
    };
    // SAFETY: the handler touches statics only.
    unsafe { rt_sigaction(SIGNAL, Some(&action)) }.expect("a handler");
    STOP.store(0, Ordering::Relaxed);
    let (send, receive) = std::sync::mpsc::channel();
    let spinner = std::thread::spawn(move || {
        send.send(gettid()).expect("a listener");
        while STOP.load(Ordering::Relaxed) == 0 {
            core::hint::black_box(());
        }
    });
    let tid = receive.recv().expect("a thread");
    std::thread::sleep(Duration::from_millis(1));
    let start = Instant::now();
    for _ in 0..count {
        ANSWER.store(0, Ordering::Relaxed);
        tgkill(getpid(), tid, SIGNAL).expect("a signal");
        while ANSWER.load(Ordering::Acquire) == 0 {
            // Woken, or too late to sleep.
            let _ = futex::wait(&ANSWER, 0, None, futex::Scope::Private);
        }
    }
    let elapsed = start.elapsed();
    STOP.store(1, Ordering::Relaxed);
    spinner.join().expect("an end");
    elapsed
}

/// Looks at a running child's registers.
pub(crate) fn sample_ptrace(count: u64) -> Duration {
    std::thread::scope(|scope| scope.spawn(|| sample_ptrace_here(count)).join()).expect("a child")
}

fn sample_ptrace_here(count: u64) -> Duration {
    let pid = spinning_child();
    let start = Instant::now();
    for _ in 0..count {
        cont(pid, 0).expect("running");
        interrupt(pid).expect("a stop");
        wait(pid).expect("a stop");
        core::hint::black_box(registers(pid).expect("registers"));
    }
    let elapsed = start.elapsed();
    end(pid);
    elapsed
}
