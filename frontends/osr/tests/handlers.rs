//! Signals of the host program's own: all in one process, whose handlers stand before and behind the engine's.

use std::arch::asm;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use midstride_os::signal::{
    KernelSigaction, SA_RESTORER, SA_SIGINFO, SIGALRM, SIGTRAP, SIGURG, SigInfo, SigSet, UContext,
    rt_sigaction, rt_sigreturn,
};
use midstride_os::thread::{getpid, gettid, tgkill};
use midstride_osr::{Config, Engine, Instance, Linker, Module, TrapKind, Val};

const TRAP_FLAG: u64 = 1 << 8;

static TRAPS: AtomicU32 = AtomicU32::new(0);
static URGENT: AtomicU32 = AtomicU32::new(0);
static ALARMS: AtomicU32 = AtomicU32::new(0);
/// How many traps a program that steps itself wants to see.
static WANTED: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" fn on_trap(_: i32, _: *mut SigInfo, context: *mut UContext) {
    TRAPS.fetch_add(1, Relaxed);
    let left = WANTED.load(Relaxed).saturating_sub(1);
    WANTED.store(left, Relaxed);
    if left == 0 {
        // SAFETY: the kernel's frame, which is this handler's.
        unsafe { (*context).mcontext.rflags &= !TRAP_FLAG };
    }
}

unsafe extern "C" fn on_urgent(_: i32, _: *mut SigInfo, _: *mut UContext) {
    URGENT.fetch_add(1, Relaxed);
}

/// Takes its time, so that most signals to its thread come while it runs.
unsafe extern "C" fn on_alarm(_: i32, _: *mut SigInfo, _: *mut UContext) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(3) {
        ALARMS.fetch_add(1, Relaxed);
    }
}

type Handler = unsafe extern "C" fn(i32, *mut SigInfo, *mut UContext);

fn install(signal: i32, handler: Handler) {
    let action = KernelSigaction {
        handler: (handler as *const ()).expose_provenance() as u64,
        flags: SA_SIGINFO | SA_RESTORER,
        restorer: (rt_sigreturn as *const ()).expose_provenance() as u64,
        mask: SigSet::EMPTY,
    };
    // SAFETY: these are handlers; they only touch atomics and their frame.
    unsafe { rt_sigaction(signal, Some(&action)) }.unwrap();
}

fn instance() -> Instance {
    let text = r#"(module (func (export "jump") (loop $l (br $l)))
        (func (export "count") (param i32) (result i32) (local i32)
          (loop $l (local.set 1 (i32.add (local.get 1) (local.get 0)))
            (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
          (local.get 1)))"#;
    Linker::new().instantiate(&Module::new(&Engine::new(Config::default()).unwrap(), text).unwrap()).unwrap()
}

/// Runs what never ends, interrupted after so many microseconds.
fn interrupted_after(instance: &Instance, micros: u64) {
    let handle = instance.interrupt_handle();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_micros(micros));
        handle.interrupt();
    });
    let trap = instance.get_func("jump").unwrap().call(&[]).unwrap_err();
    assert_eq!(trap.kind(), TrapKind::Interrupted);
    other.join().unwrap();
}

/// Breakpoints, own steps and sent signals get to the handlers that were there first.
fn earlier_handlers_are_called(instance: &Instance) {
    let before = TRAPS.load(Relaxed);
    // SAFETY: the handler returns behind it.
    unsafe { asm!("int3") };
    assert_eq!(TRAPS.load(Relaxed), before + 1);
    WANTED.store(3, Relaxed);
    // SAFETY: sets the trap flag for three instructions; the handler takes it away.
    unsafe { asm!("pushfq", "or dword ptr [rsp], 0x100", "popfq", "nop", "nop", "nop", "nop") };
    assert_eq!(TRAPS.load(Relaxed), before + 4);
    let urgent = URGENT.load(Relaxed);
    tgkill(getpid(), gettid(), SIGURG).unwrap();
    assert_eq!(URGENT.load(Relaxed), urgent + 1);
    interrupted_after(instance, 100);
    assert_eq!(TRAPS.load(Relaxed), before + 4, "steps of the engine's are not the program's");
    assert!(URGENT.load(Relaxed) > urgent + 1, "one may have come together with the engine's");
}

/// A program that steps itself through compiled code sees its steps, whoever else wants some.
fn a_program_that_steps_itself_goes_on_doing_so(instance: &Instance) {
    let (before, count) = (TRAPS.load(Relaxed), instance.get_func("count").unwrap());
    WANTED.store(u64::MAX, Relaxed);
    instance.freeze_handle().freeze_at_poll(30);
    // SAFETY: only the trap flag changes.
    unsafe { asm!("pushfq", "or dword ptr [rsp], 0x100", "popfq") };
    let outcome = count.run(&[Val::I32(100)]).unwrap();
    WANTED.store(0, Relaxed);
    // SAFETY: as above.
    unsafe { asm!("pushfq", "and dword ptr [rsp], 0xfffffeff", "popfq") };
    let frozen = outcome.frozen().unwrap();
    let seen = TRAPS.load(Relaxed) - before;
    assert!(seen > 1000, "{seen}");
    assert_eq!(frozen.resume().unwrap().results().unwrap(), [Val::I32(5050)]);
}

fn a_wish_that_comes_in_a_handler_is_not_lost(instance: &Instance) {
    install(SIGALRM, on_alarm);
    let (thread, done) = (gettid(), Arc::new(AtomicBool::new(false)));
    let end = done.clone();
    let other = thread::spawn(move || {
        while !end.load(Relaxed) {
            tgkill(getpid(), thread, SIGALRM).unwrap();
            thread::sleep(Duration::from_millis(4));
        }
    });
    (0..50).for_each(|round| interrupted_after(instance, 4000 + round * 137));
    done.store(true, Relaxed);
    other.join().unwrap();
    assert!(ALARMS.load(Relaxed) > 0);
}

fn control_words() -> (u16, u32) {
    let (mut x87, mut sse) = (0u16, 0u32);
    // SAFETY: stores two words.
    unsafe { asm!("fnstcw [{}]", "stmxcsr [{}]", in(reg) &raw mut x87, in(reg) &raw mut sse) };
    (x87, sse)
}

fn the_floating_point_state_is_the_program_s(instance: &Instance) {
    let (rounds_down, before) = (0x077fu16, control_words());
    // SAFETY: the x87 unit is not used by Rust code on x86-64; its state is put back below.
    unsafe { asm!("fldcw [{}]", "fldpi", in(reg) &raw const rounds_down) };
    interrupted_after(instance, 100);
    assert_eq!(control_words(), (rounds_down, before.1));
    let mut top = [0u8; 10];
    // SAFETY: takes away what was put there.
    unsafe { asm!("fstp tbyte ptr [{}]", "fldcw [{}]", in(reg) &raw mut top, in(reg) &raw const before.0) };
    // pi, rounded down.
    assert_eq!(top, [0x34, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40]);
}

fn a_child_of_fork_is_stepped_too(instance: &Instance) {
    // SAFETY: the child has this thread only, makes another, and ends without running destructors.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        interrupted_after(instance, 1000);
        // SAFETY: ends the process.
        unsafe { libc::_exit(7) };
    }
    let (mut status, deadline) = (0, Instant::now() + Duration::from_secs(30));
    // SAFETY: the status is ours to be written.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == 0 {
        assert!(Instant::now() < deadline, "the child hangs");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status:#x}");
}

#[test]
fn the_host_program_keeps_its_signals() {
    install(SIGTRAP, on_trap);
    install(SIGURG, on_urgent);
    let instance = instance();
    a_child_of_fork_is_stepped_too(&instance);
    earlier_handlers_are_called(&instance);
    a_program_that_steps_itself_goes_on_doing_so(&instance);
    the_floating_point_state_is_the_program_s(&instance);
    a_wish_that_comes_in_a_handler_is_not_lost(&instance);
}
