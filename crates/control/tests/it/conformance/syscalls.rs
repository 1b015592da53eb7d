//! System calls.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use midstride_asm::{Gpr, Width};
use midstride_control::{CodePoint, Controller, Death, Event, Options, Refusal, Syscalls};
use midstride_frame::GprFrame;
use midstride_os::nr;

use super::Setup;
use crate::lab::{Lab, fell_off, id, program};

fn make() -> Options {
    Options { stack_bytes: 1 << 16, syscalls: Syscalls::Make, ..Options::default() }
}

fn call(w: &mut midstride_asm::Writer<'_>) {
    w.inc_r(Width::W64, Gpr::Rbx); // 0
    w.syscall(); // 3
    w.inc_r(Width::W64, Gpr::Rbx); // 5
}

pub(crate) fn a_program_stops_in_front_of_a_system_call(setup: Setup) {
    let lab = Lab::loaded(setup, call);
    lab.set(|registers| (registers.gpr.rax, registers.gpr.rdi, registers.gpr.r9) = (nr::GETPPID, 1, 6));
    let expected = Event::Syscall { insn: id(3), number: nr::GETPPID, args: [1, 0, 0, 0, 0, 6] };
    assert_eq!(lab.run(), expected);
    assert_eq!((lab.state().point, lab.registers().gpr.rbx), (CodePoint::At(id(3)), 1));
    assert_eq!(lab.resume(), fell_off(5));
    let gpr = lab.registers().gpr;
    assert!(gpr.rax > 0 && gpr.rax < 1 << 22, "{:x}", gpr.rax);
    assert_eq!(Some(gpr.rcx), lab.session.address_of(CodePoint::At(id(5))).unwrap());
    assert_eq!((gpr.r11, gpr.rbx), (gpr.rflags & !0xd5 | gpr.r11 & 0xd5, 2));
}

pub(crate) fn a_system_call_can_be_skipped(setup: Setup) {
    let lab = Lab::loaded(setup, call);
    lab.set(|registers| registers.gpr.rax = nr::EXIT_GROUP);
    assert!(matches!(lab.run(), Event::Syscall { .. }));
    lab.edit(|state| (state.point, state.registers.gpr.rax) = (CodePoint::At(id(5)), 9));
    assert_eq!(lab.resume(), fell_off(5));
    assert_eq!(lab.registers().gpr.rax, 9);
}

pub(crate) fn system_calls_are_stepped(setup: Setup) {
    let lab = Lab::loaded(setup, call);
    lab.edit(|state| (state.point, state.registers.gpr.rax) = (CodePoint::At(id(0)), nr::GETPPID));
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(3)) });
    assert!(matches!(lab.step(1), Event::Syscall { .. }));
    assert_eq!(lab.step(1), Event::Step { at: CodePoint::At(id(5)) });
    assert!(lab.registers().gpr.rax > 0);
}

pub(crate) fn system_calls_can_be_allowed(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session.load(program(call)).unwrap();
    lab.set(|registers| registers.gpr.rax = nr::GETPPID);
    assert_eq!(lab.run(), fell_off(5));
    assert_eq!(lab.registers().gpr.rbx, 2);
    lab.set(|registers| registers.gpr.rax = 0xffff);
    assert_eq!(lab.run(), fell_off(5));
    assert_eq!(lab.registers().gpr.rax.cast_signed(), -38, "ENOSYS");
}

pub(crate) fn calls_that_escape_are_refused(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session.load(program(call)).unwrap();
    for number in [nr::FORK, nr::CLONE, nr::VFORK, nr::CLONE3, nr::RT_SIGRETURN, nr::EXECVE] {
        lab.set(move |registers| registers.gpr.rax = number);
        let refused = Event::Refused { insn: id(3), reason: Refusal::SystemCall { number } };
        assert_eq!(lab.run(), refused);
        assert_eq!(lab.state().point, CodePoint::At(id(3)));
    }
}

pub(crate) fn the_end_of_the_process_is_survived(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session.load(program(call)).unwrap();
    for number in [nr::EXIT_GROUP, nr::EXIT] {
        lab.set(move |registers| (registers.gpr.rax, registers.gpr.rdi) = (number, 7));
        assert_eq!(lab.run(), Event::Killed(Death::Exited { status: 7 }));
        // Everything is as at the start, with the program loaded.
        assert_eq!((lab.state().point, lab.registers().gpr.rbx), (CodePoint::Nowhere, 0));
        lab.set(|registers| registers.gpr.rax = nr::GETPID);
        assert_eq!(lab.run(), fell_off(5));
    }
}

pub(crate) fn blocking_all_signals_does_not_escape(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session
        .load(program(|w| {
            w.push_i(-1);
            w.mov_ri(Gpr::Rax, nr::RT_SIGPROCMASK);
            w.mov_ri(Gpr::Rdi, 2);
            w.mov_rr(Width::W64, Gpr::Rsi, Gpr::Rsp);
            w.mov_ri(Gpr::Rdx, 0);
            w.mov_ri(Gpr::R10, 8);
            w.syscall();
            let again = w.new_label();
            w.bind(again);
            w.inc_r(Width::W64, Gpr::Rbx);
            w.test_rr(Width::W64, Gpr::Rax, Gpr::Rax);
            w.jcc_short(midstride_asm::Cond::E, again);
        }))
        .unwrap();
    lab.session.run(id(0)).unwrap();
    while lab.registers().gpr.rbx == 0 {}
    lab.session.interrupt().unwrap();
    assert!(matches!(lab.event(), Event::Stopped { .. }));
    lab.set(|registers| registers.gpr.rax = 0x10);
    // A fault behind it is survived as well.
    lab.session.load(program(|w| w.jmp_r(Gpr::Rax))).unwrap();
    assert!(matches!(lab.run(), Event::Fault(_)));
}

pub(crate) fn a_blocking_call_is_interrupted(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session.load(program(call)).unwrap();
    lab.set(|registers| registers.gpr.rax = nr::PAUSE);
    lab.session.run(id(0)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(lab.state().registers.gpr.rbx, 1);
    lab.session.interrupt().unwrap();
    assert!(matches!(lab.event(), Event::Stopped { .. } | Event::Exit(_)));
}

/// Whoever called between the last look and the system call was not heard: no signal was sent yet, or it came
/// before the program was entered.
pub(crate) fn a_call_just_before_a_blocking_call_is_heard(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session.load(program(call)).unwrap();
    lab.set(|registers| registers.gpr.rax = nr::PAUSE);
    let (answers, done) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // Nobody else asks until this is answered.
                let answer = lab.session.state();
                answers.fetch_add(1, Ordering::Relaxed);
                assert!(answer.is_ok(), "{answer:?}");
            }
        });
        for _ in 0..2000 {
            lab.session.run(id(0)).unwrap();
            let seen = answers.load(Ordering::Relaxed);
            while answers.load(Ordering::Relaxed) < seen + 2 && !asks.is_finished() {
                std::hint::spin_loop();
            }
            lab.session.cancel().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// `int 80h` between two instructions.
fn compat_call(w: &mut midstride_asm::Writer<'_>) {
    w.inc_r(Width::W64, Gpr::Rbx); // 0
    w.bytes(&[0xcd, 0x80]); // 3
    w.inc_r(Width::W64, Gpr::R12); // 5
}

const COMPAT_GETPPID: u64 = 64;

pub(crate) fn calls_of_32_bit_programs_show_their_own_arguments(setup: Setup) {
    let lab = Lab::loaded(setup, compat_call);
    lab.set(|registers| {
        let gpr = &mut registers.gpr;
        (gpr.rax, gpr.rcx, gpr.rdx, gpr.rsi, gpr.rdi, gpr.rbp) = (COMPAT_GETPPID, 2, 3, 4, 5, 6);
    });
    let expected = Event::Syscall { insn: id(3), number: COMPAT_GETPPID, args: [1, 2, 3, 4, 5, 6] };
    assert_eq!(lab.run(), expected);
}

/// rcx was that of `syscall`, or the call was refused.
pub(crate) fn calls_of_32_bit_programs_change_rax_only(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session.load(program(compat_call)).unwrap();
    lab.set(|registers| (registers.gpr.rax, registers.gpr.rcx, registers.gpr.r11) = (COMPAT_GETPPID, 11, 12));
    let before = lab.registers().gpr;
    let event = lab.run();
    let gpr = lab.registers().gpr;
    if let Event::Fault(_) = event {
        println!("not compared: this kernel has no 32-bit calls");
        return;
    }
    assert_eq!(event, fell_off(5));
    assert!(gpr.rax > 0 && gpr.rax < 1 << 22, "{:x}", gpr.rax);
    let expected = GprFrame {
        rax: gpr.rax,
        rip: gpr.rip,
        rflags: gpr.rflags,
        rbx: before.rbx + 1,
        r12: before.r12 + 1,
        ..before
    };
    assert_eq!(gpr, expected);
}

/// They were looked up by the numbers of 64-bit programs: `exit` ended the thread that ran the program.
pub(crate) fn calls_of_32_bit_programs_do_not_escape_either(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session.load(program(compat_call)).unwrap();
    for number in [2, 120, 190, 11, 119, 173] {
        lab.set(move |registers| registers.gpr.rax = number);
        assert_eq!(lab.run(), Event::Refused { insn: id(3), reason: Refusal::SystemCall { number } });
    }
    for number in [1, 252] {
        lab.set(move |registers| (registers.gpr.rax, registers.gpr.rbx) = (number, 6));
        let ended = lab.run();
        if !matches!(ended, Event::Fault(_)) {
            // `inc rbx` came first.
            assert_eq!(ended, Event::Killed(Death::Exited { status: 7 }));
        }
    }
}

/// The kernel does not look at it.
pub(crate) fn the_upper_half_of_a_number_hides_nothing(setup: Setup) {
    let lab = Lab::with(setup, make());
    lab.session.load(program(call)).unwrap();
    let number = 1 << 32 | nr::FORK;
    lab.set(move |registers| registers.gpr.rax = number);
    assert_eq!(lab.run(), Event::Refused { insn: id(3), reason: Refusal::SystemCall { number } });
}

/// With system calls allowed it was tried for ever.
pub(crate) fn sysenter_is_refused(setup: Setup) {
    for options in [make(), Options::default()] {
        let lab = Lab::with(setup, options);
        lab.session.load(program(|w| w.bytes(&[0x0f, 0x34]))).unwrap();
        assert_eq!(lab.run(), Event::Refused { insn: id(0), reason: Refusal::FarTransfer });
    }
}
