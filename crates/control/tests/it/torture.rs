//! Everything that goes wrong, again and again, at random moments.
//!
//! Programs that misbehave in every way run under several controllers at a time, while threads give orders with
//! random pauses. Nothing is lost: each order is answered, and whatever state is seen is one the program can be
//! in.

use std::thread::{scope, sleep, yield_now};
use std::time::{Duration, Instant};

use midstride_asm::{Alu, Cond, Gpr, Mem, Width, Writer};
use midstride_control::{
    Backend, Capture, CodePoint, ControlError, Controller, Event, Options, Session, Steps, Syscalls,
};
use midstride_frame::rflags;
use midstride_os::nr;
use midstride_testkit::Random;

use crate::lab::{LONG, id, program};

/// Programs: one that never ends, and all kinds that must not be.
const PROGRAMS: [fn(&mut Writer<'_>); 16] = [
    |w| {
        let again = w.new_label();
        w.bind(again);
        w.inc_r(Width::W64, Gpr::Rax);
        w.jmp_short(again);
    },
    |w| {
        // Calls, without end and without stack to spare.
        let again = w.new_label();
        w.bind(again);
        w.call(again);
    },
    |w| w.jmp_r(Gpr::Rax),
    |w| w.ret(),
    |w| {
        w.mov_ri(Gpr::Rsp, 3);
        w.push_r(Gpr::Rax);
    },
    |w| w.bytes(&[0xf7, 0xf1]),
    |w| w.bytes(&[0xf4]),
    |w| w.bytes(&[0x06, 0x90]),
    |w| w.int3(),
    |w| w.bytes(&[0x0f, 0x01, 0xd0, 0x0f, 0x22, 0xc0]),
    |w| {
        w.mov_ri(Gpr::Rax, nr::EXIT_GROUP);
        w.syscall();
    },
    |w| {
        // Blocks all signals, then never ends.
        w.push_i(-1);
        w.mov_ri(Gpr::Rax, nr::RT_SIGPROCMASK);
        w.mov_ri(Gpr::Rdi, 2);
        w.mov_rr(Width::W64, Gpr::Rsi, Gpr::Rsp);
        w.mov_ri(Gpr::Rdx, 0);
        w.mov_ri(Gpr::R10, 8);
        w.syscall();
        let again = w.new_label();
        w.bind(again);
        w.pause();
        w.jmp_short(again);
    },
    |w| {
        // Sleeps for long.
        w.mov_ri(Gpr::Rax, nr::PAUSE);
        w.syscall();
    },
    |w| {
        // Single steps itself, with strings going down and alignment checked.
        w.pushfq();
        let all = (rflags::TF | rflags::DF | rflags::AC) as i32;
        w.alu_mi(Width::W64, Alu::Or, Mem::base(Gpr::Rsp, 0), all);
        w.popfq();
        w.nop(1);
        w.nop(1);
    },
    |w| {
        // Vectors, and a fault in the middle of them.
        w.bytes(&[0x0f, 0x57, 0xc0]); // xorps xmm0, xmm0
        w.bytes(&[0xc5, 0xfc, 0x58, 0xc8]); // vaddps ymm1, ymm0, ymm0
        w.bytes(&[0x0f, 0x28, 0x00]); // movaps xmm0, [rax]
    },
    |w| {
        // A long string operation.
        w.mov_ri(Gpr::Rcx, 1 << 40);
        w.mov_rr(Width::W64, Gpr::Rdi, Gpr::Rsp);
        let again = w.new_label();
        w.bind(again);
        w.rep_stosb();
        w.jcc_short(Cond::O, again);
    },
];

fn pause(random: &mut Random) {
    match random.below(4) {
        0 => {}
        1 => yield_now(),
        _ => sleep(Duration::from_nanos(random.below(200_000))),
    }
}

/// One random order.
fn order(session: &Session, random: &mut Random) -> Result<(), ControlError> {
    let at = id(random.below(8) as u32);
    match random.below(14) {
        0 | 1 => {
            let which = random.below(PROGRAMS.len() as u64) as usize;
            session.load(program(PROGRAMS[which])).expect("these can be placed");
            Ok(())
        }
        2 | 3 => session.run(id(0)),
        4 => session.run(at),
        5 => session.resume(),
        6 => session.step(random.below(50) + 1),
        7 => {
            let visit = Box::new(|_: &midstride_control::Step<'_>| core::ops::ControlFlow::Continue(()));
            session.trace(random.below(20) + 1, Capture::All, visit)
        }
        8 => session.interrupt(),
        9 => session.cancel(),
        10 => session.set_break(at, None),
        11 => session.clear_break(at),
        12 => session.change(Box::new(|state| {
            state.registers.gpr.rax = 0x40;
            state.registers.gpr.rcx &= 0xff;
            state.registers.gpr.rflags = 0x202;
        })),
        _ => session.state().map(drop),
    }
}

/// Orders that may be refused, by what the program does at the moment.
fn is_answer(answer: Result<(), ControlError>) -> bool {
    matches!(
        answer,
        Ok(()) | Err(ControlError::Running | ControlError::Nowhere { .. } | ControlError::Unknown { .. })
    )
}

fn started(backend: Backend, random: &mut Random) -> Session {
    let options = Options {
        patience: LONG,
        stack_bytes: 1 << 16,
        syscalls: [Syscalls::Stop, Syscalls::Make][random.below(2) as usize],
        steps: [Steps::Flag, Steps::Breakpoints][random.below(2) as usize],
        ..Options::default()
    };
    // SAFETY: the programs change only their stack.
    unsafe { Session::start(backend, options) }.expect("a controller")
}

/// Gives a controller random orders from several threads, then drops it whatever it is doing.
fn torture(backend: Backend, seed: u64, orders: u32) {
    let mut random = Random::new(seed);
    let session = started(backend, &mut random);
    session.load(program(PROGRAMS[0])).expect("a program");
    scope(|scope| {
        for thread in 0..2 {
            let (session, mut random) = (&session, Random::new(seed * 7 + thread));
            scope.spawn(move || {
                for _ in 0..orders {
                    let answer = order(session, &mut random);
                    assert!(is_answer(answer), "{answer:?}");
                    pause(&mut random);
                }
            });
        }
        let mut random = Random::new(seed * 11);
        for _ in 0..orders {
            check(&session);
            pause(&mut random);
        }
    });
    while session.events().try_next().is_some() {}
}

/// What holds at any moment.
fn check(session: &Session) {
    let state = session.state().expect("an answer");
    let flags = state.registers.gpr.rflags;
    assert_eq!(flags & 0x202, 0x202, "{flags:x}");
    if let CodePoint::Outside(pc) = state.point {
        assert_eq!(state.registers.gpr.rip, pc);
    }
    if let Some(Event::Fault(fault)) = session.events().try_next() {
        assert!((1..=31).contains(&fault.signal), "{fault}");
    }
}

/// Each of so many orders from three threads that it is thousands.
const ROUNDS: u64 = 200;

fn rounds(backend: Backend, count: u64) {
    let start = Instant::now();
    // More of them when asked for.
    let count = std::env::var("MIDSTRIDE_TORTURE").map_or(count, |rounds| rounds.parse().expect("a number"));
    let seeds = (1..=count).take_while(|_| start.elapsed() < LONG);
    let done = seeds.map(|seed| torture(backend, seed, 60)).count();
    assert!(done > 0);
}

#[test]
fn signal_backend_survives_torture() {
    rounds(Backend::Signal, ROUNDS);
}

#[test]
fn ptrace_backend_survives_torture() {
    rounds(Backend::Ptrace, ROUNDS);
}

#[test]
fn translated_backend_survives_torture() {
    rounds(Backend::Translated, ROUNDS);
}
