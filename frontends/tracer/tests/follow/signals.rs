//! Handlers of followed threads, and of those beside them.

use std::arch::naked_asm;
use std::ffi::c_void;
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::thread;

use midstride_tracer::follow::is_following_me;

use crate::{alone, followed, plain};

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);

/// Installs a handler; returns the action before.
fn install(signal: i32, handler: Handler, flags: i32) -> libc::sigaction {
    // SAFETY: all zeros is an action.
    let (mut action, mut old): (libc::sigaction, libc::sigaction) = unsafe { (zeroed(), zeroed()) };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | flags;
    // SAFETY: the handler takes three arguments.
    assert_eq!(unsafe { libc::sigaction(signal, &raw const action, &raw mut old) }, 0);
    old
}

fn action_of(signal: i32) -> libc::sigaction {
    // SAFETY: all zeros is an action.
    let mut now: libc::sigaction = unsafe { zeroed() };
    // SAFETY: only asks.
    assert_eq!(unsafe { libc::sigaction(signal, null(), &raw mut now) }, 0);
    now
}

fn register(context: *mut c_void, index: i32) -> &'static mut u64 {
    // SAFETY: the kernel, or the engine, passes a context that the handler may change.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let register: *mut i64 = &raw mut context.uc_mcontext.gregs[index as usize];
    // SAFETY: as above; the frame lives until the handler returns.
    unsafe { &mut *register.cast() }
}

fn is_program_code(pc: u64) -> bool {
    // SAFETY: all zeros is a value; the call only asks.
    let mut info: libc::Dl_info = unsafe { zeroed() };
    // SAFETY: as above.
    unsafe { libc::dladdr(pc as *const c_void, &raw mut info) != 0 }
}

#[test]
fn a_handler_sees_the_program_and_is_followed() {
    static SEEN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
    extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
        let pc = *register(context, libc::REG_RIP);
        // SAFETY: the information is live.
        assert_eq!(unsafe { (*info).si_signo }, signal);
        SEEN[0].store(u64::from(is_program_code(pc)), Ordering::Relaxed);
        SEEN[1].store(u64::from(is_following_me()), Ordering::Relaxed);
        SEEN[2].fetch_add(1, Ordering::Relaxed);
    }
    install(libc::SIGUSR1, handler, 0);
    followed(plain(), || {
        // SAFETY: the handler is installed.
        unsafe { libc::raise(libc::SIGUSR1) };
        // SAFETY: as above.
        unsafe { libc::raise(libc::SIGUSR1) };
    });
    assert_eq!(SEEN.each_ref().map(|seen| seen.load(Ordering::Relaxed)), [1, 1, 2]);
}

const MAGIC: u64 = 0x0123_4567_89ab_cdef;

/// Runs until the word is not zero, with a constant in r13 and r14 and a running number in rax.
#[unsafe(naked)]
extern "C" fn spin(stop: *const AtomicBool) -> u64 {
    naked_asm!(
        "push r13",
        "push r14",
        "movabs r13, {magic}",
        "mov r14, r13",
        "not r14",
        "xor eax, eax",
        "2:",
        "inc rax",
        "call {leaf}",
        "cmp byte ptr [rdi], 0",
        "je 2b",
        "pop r14",
        "pop r13",
        "ret",
        magic = const MAGIC,
        leaf = sym leaf,
    )
}

#[unsafe(naked)]
extern "C" fn leaf() {
    naked_asm!("lea rcx, [rax + 1]", "ret")
}

/// Sends `signal` to the calling thread every 200 microseconds until dropped.
struct Ticks(libc::timer_t);

impl Ticks {
    fn start(signal: i32) -> Self {
        // SAFETY: all zeros is an event.
        let mut event: libc::sigevent = unsafe { zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        // SAFETY: only asks.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer = null_mut();
        // SAFETY: the event is filled in.
        assert_eq!(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) }, 0);
        let period = libc::timespec { tv_sec: 0, tv_nsec: 200_000 };
        let times = libc::itimerspec { it_interval: period, it_value: period };
        // SAFETY: a live timer.
        assert_eq!(unsafe { libc::timer_settime(timer, 0, &raw const times, null_mut()) }, 0);
        Self(timer)
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        // SAFETY: a live timer.
        unsafe { libc::timer_delete(self.0) };
    }
}

#[test]
fn asynchronous_signals_find_exact_registers() {
    static STOP: AtomicBool = AtomicBool::new(false);
    static TICKS: AtomicU64 = AtomicU64::new(0);
    static WRONG: AtomicU64 = AtomicU64::new(0);
    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
        let [start, other] = [spin as *const () as u64, leaf as *const () as u64];
        let pc = *register(context, libc::REG_RIP);
        let inside = (start + 25..start + 48).contains(&pc) || (other..other + 8).contains(&pc);
        let [r13, r14] = [libc::REG_R13, libc::REG_R14].map(|index| *register(context, index));
        if inside && (r13, r14) != (MAGIC, !MAGIC) || !is_program_code(pc) {
            WRONG.store(pc, Ordering::Relaxed);
        }
        let ticks = TICKS.fetch_add(u64::from(inside), Ordering::Relaxed);
        STOP.store(ticks >= 300, Ordering::Relaxed);
    }
    install(libc::SIGRTMIN() + 3, handler, libc::SA_RESTART);
    let rounds = followed(plain(), || {
        let _ticks = Ticks::start(libc::SIGRTMIN() + 3);
        spin(&raw const STOP)
    });
    assert!(rounds > 300 && TICKS.load(Ordering::Relaxed) >= 300);
    assert_eq!(WRONG.load(Ordering::Relaxed), 0, "a handler saw other registers, at this pc");
}

#[test]
fn vector_registers_survive_signals_that_come_in_the_gate() {
    static TICKS: AtomicU64 = AtomicU64::new(0);
    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, _: *mut c_void) {
        let noise = TICKS.fetch_add(1, Ordering::Relaxed) as f64;
        std::hint::black_box((noise + 0.5).sqrt());
    }
    install(libc::SIGRTMIN() + 4, handler, libc::SA_RESTART);
    let wrong = followed(plain(), || {
        let _ticks = Ticks::start(libc::SIGRTMIN() + 4);
        let mut wrong = 0;
        while TICKS.load(Ordering::Relaxed) < 300 {
            // System calls keep the thread in the gate most of the time.
            wrong += crate::machine::vectors_lost_in_calls();
        }
        wrong
    });
    assert_eq!(wrong, 0);
}

/// Faults, unless rdi points to memory; returns what it found or what the handler put in its place.
#[unsafe(naked)]
extern "C" fn load(from: *const u64) -> u64 {
    naked_asm!("mov rax, [rdi]", "ret")
}

#[test]
fn a_handler_changes_the_state_that_a_fault_goes_on_with() {
    extern "C" fn handler(_: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: the information of a fault.
        let address = unsafe { (*info).si_addr() } as u64;
        let pc = register(context, libc::REG_RIP);
        assert_eq!(*pc, load as *const () as u64);
        *pc += 3;
        *register(context, libc::REG_RAX) = address * 2;
    }
    alone::run("signals::a_handler_changes_the_state_that_a_fault_goes_on_with", || {
        install(libc::SIGSEGV, handler, 0);
        let value = 5;
        let found =
            followed(plain(), || (load(&raw const value), load(24 as *const u64), load(40 as *const u64)));
        assert_eq!(found, (5, 48, 80));
    });
}

#[test]
fn actions_are_the_programs_own_while_followed_and_after() {
    extern "C" fn first(_: i32, _: *mut libc::siginfo_t, _: *mut c_void) {}
    extern "C" fn second(_: i32, _: *mut libc::siginfo_t, _: *mut c_void) {}
    alone::run("signals::actions_are_the_programs_own_while_followed_and_after", || {
        // Taken once: a function may have another address in each place that names it.
        let [first, second]: [Handler; 2] = [first, second];
        install(libc::SIGUSR1, first, libc::SA_RESTART);
        let segv = action_of(libc::SIGSEGV).sa_sigaction;
        let (seen, old, new) = followed(plain(), || {
            let seen = action_of(libc::SIGUSR1);
            let old = install(libc::SIGUSR1, second, libc::SA_NODEFER);
            install(libc::SIGUSR2, first, libc::SA_RESETHAND);
            (seen, old, action_of(libc::SIGUSR1))
        });
        let [first, second] = [first as usize, second as usize];
        let flags = libc::SA_SIGINFO | libc::SA_RESTART;
        assert_eq!((seen.sa_sigaction, seen.sa_flags & flags), (first, flags));
        assert_eq!((old.sa_sigaction, new.sa_sigaction), (first, second));
        let after = action_of(libc::SIGUSR1);
        assert_eq!((after.sa_sigaction, after.sa_flags & libc::SA_NODEFER), (second, libc::SA_NODEFER));
        assert_eq!(action_of(libc::SIGUSR2).sa_sigaction, first);
        assert_eq!(action_of(libc::SIGSEGV).sa_sigaction, segv);
    });
}

#[test]
fn actions_are_given_back_when_a_followed_thread_ends() {
    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, _: *mut c_void) {}
    alone::run("signals::actions_are_given_back_when_a_followed_thread_ends", || {
        install(libc::SIGUSR1, handler, 0);
        let ended = thread::spawn(|| {
            // SAFETY: the tool changes nothing.
            unsafe { plain().follow_me() }.expect("the thread can be followed");
        });
        ended.join().expect("it ends");
        let own = handler as Handler as usize;
        // The thread gives them back on its way out of the kernel's sight, not before it is joined.
        let given_back = || action_of(libc::SIGUSR1).sa_sigaction == own;
        assert!((0..1000).any(|_| given_back() || {
            thread::sleep(std::time::Duration::from_millis(1));
            false
        }));
    });
}

#[test]
fn an_overflowing_stack_is_reported_as_natively() {
    #[inline(never)]
    fn endless(n: u64) -> u64 {
        if n == u64::MAX { n } else { std::hint::black_box(endless(std::hint::black_box(n + 1))) + 1 }
    }
    let outcome = alone::output("signals::an_overflowing_stack_is_reported_as_natively", || {
        followed(plain(), || endless(0));
    });
    let Some(outcome) = outcome else { return };
    let text = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(text.contains("has overflowed its stack"), "{}: {text}", outcome.status);
}

#[test]
fn bad_pointers_in_sigaction_are_errors() {
    alone::run("signals::bad_pointers_in_sigaction_are_errors", || {
        // SAFETY: the default action needs nothing.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        let answers = followed(plain(), || {
            let bad = 24 as *const libc::sigaction;
            // SAFETY: the kernel, or the engine, refuses the pointer.
            let new = unsafe { libc::syscall(libc::SYS_rt_sigaction, libc::SIGUSR2, bad, 0, 8) };
            let error = std::io::Error::last_os_error().raw_os_error();
            // SAFETY: as above.
            let kill = unsafe { libc::syscall(libc::SYS_rt_sigaction, libc::SIGKILL, &raw const bad, 0, 8) };
            (new, error, kill, std::io::Error::last_os_error().raw_os_error())
        });
        assert_eq!(answers, (-1, Some(libc::EFAULT), -1, Some(libc::EINVAL)));
    });
}

#[test]
fn one_shot_handlers_are_used_once() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, _: *mut c_void) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
    let left = followed(plain(), || {
        install(libc::SIGURG, handler, libc::SA_RESETHAND);
        for _ in 0..2 {
            // SAFETY: handled once, ignored by default.
            unsafe { libc::raise(libc::SIGURG) };
        }
        action_of(libc::SIGURG).sa_sigaction
    });
    assert_eq!((CALLS.load(Ordering::Relaxed), left), (1, libc::SIG_DFL));
}

#[test]
fn handlers_run_on_the_alternate_stack_that_the_program_set() {
    static AT: AtomicU64 = AtomicU64::new(0);
    static STACK: AtomicU64 = AtomicU64::new(0);
    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
        let here = 0u8;
        AT.store(&raw const here as u64, Ordering::Relaxed);
        // SAFETY: the engine's frame.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        STACK.store(context.uc_stack.ss_sp as u64, Ordering::Relaxed);
    }
    let asked = || {
        // SAFETY: all zeros is a value; the call only asks.
        let mut now: libc::stack_t = unsafe { zeroed() };
        // SAFETY: as above.
        unsafe { libc::sigaltstack(null(), &raw mut now) };
        now.ss_sp as u64
    };
    thread::spawn(move || {
        let memory = vec![0u8; 64 << 10].leak();
        let start = memory.as_ptr() as u64;
        let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
        // SAFETY: the memory is never freed.
        assert_eq!(unsafe { libc::sigaltstack(&raw const stack, null_mut()) }, 0);
        install(libc::SIGRTMIN() + 5, handler, libc::SA_ONSTACK);
        let inside = followed(plain(), || {
            // SAFETY: the handler is installed.
            unsafe { libc::raise(libc::SIGRTMIN() + 5) };
            asked()
        });
        assert!((start..start + (64 << 10)).contains(&AT.load(Ordering::Relaxed)));
        assert_eq!((STACK.load(Ordering::Relaxed), inside, asked()), (start, start, start));
    })
    .join()
    .expect("the handler ran there");
}

#[test]
fn native_threads_beside_handle_their_signals_natively() {
    static FOLLOWED: AtomicI32 = AtomicI32::new(-1);
    static BLOCKED: AtomicI32 = AtomicI32::new(-1);
    extern "C" fn handler(signal: i32, _: *mut libc::siginfo_t, _: *mut c_void) {
        // SAFETY: all zeros is a set.
        let mut mask: libc::sigset_t = unsafe { zeroed() };
        // SAFETY: only asks.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, null(), &raw mut mask) };
        // SAFETY: the set was written.
        let [own, other] = [signal, libc::SIGRTMIN() + 7]
            .map(|signal| unsafe { libc::sigismember(&raw const mask, signal) });
        BLOCKED.store(own * 2 + other, Ordering::Relaxed);
        FOLLOWED.store(i32::from(is_following_me()), Ordering::Relaxed);
    }
    install(libc::SIGRTMIN() + 6, handler, 0);
    followed(plain(), || {
        thread::spawn(|| {
            // SAFETY: the handler is installed.
            unsafe { libc::raise(libc::SIGRTMIN() + 6) };
        })
        .join()
        .expect("the thread ends");
    });
    assert_eq!((FOLLOWED.load(Ordering::Relaxed), BLOCKED.load(Ordering::Relaxed)), (0, 2));
}

#[test]
fn interrupted_calls_answer_eintr_or_start_again() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, _: *mut c_void) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
    let nap = |flags| {
        install(libc::SIGRTMIN() + 8, handler, flags);
        let before = CALLS.load(Ordering::Relaxed);
        let _ticks = Ticks::start(libc::SIGRTMIN() + 8);
        let time = libc::timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        // SAFETY: sleeps.
        let slept = unsafe { libc::nanosleep(&raw const time, null_mut()) };
        (slept, CALLS.load(Ordering::Relaxed) > before)
    };
    assert_eq!(followed(plain(), || nap(0)), (-1, true));
    let mut ends = [0; 2];
    // SAFETY: two descriptors fit.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    let read = followed(plain(), || {
        install(libc::SIGRTMIN() + 8, handler, libc::SA_RESTART);
        let _ticks = Ticks::start(libc::SIGRTMIN() + 8);
        let writer = thread::spawn(move || {
            thread::sleep(std::time::Duration::from_millis(30));
            // SAFETY: writes a constant.
            unsafe { libc::write(ends[1], b"x".as_ptr().cast(), 1) }
        });
        let mut byte = 0u8;
        // SAFETY: reads one byte.
        let read = unsafe { libc::read(ends[0], (&raw mut byte).cast(), 1) };
        (read, byte, writer.join().expect("it writes"))
    });
    assert_eq!(read, (1, b'x', 1));
}
