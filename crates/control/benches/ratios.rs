//! How near is each operation to the least that its technique allows?
//!
//! Bare loop and operation take turns, and the best turn of each counts: on a machine with other work that is
//! the steadiest figure there is. Prints a table and fails when a goal is missed by far.

mod bare;

use core::ops::ControlFlow;
use std::hint::black_box;
use std::thread::sleep;
use std::time::{Duration, Instant};

use midstride_addr::AppPc;
use midstride_control::{
    Backend, Capture, CodePoint, Controller, Edge, Event, InsnId, Options, Program, Session, Step, Steps,
};
use midstride_os::process::pin;
use midstride_os::thread::processor;

const LONG: Duration = Duration::from_secs(120);
const INTEGER: &[u8] = &[0x48, 0xff, 0xc0, 0x48, 0xff, 0xc3, 0x48, 0xff, 0xc9, 0xeb, 0xf5];
const VECTOR: &[u8] = &[0x0f, 0x58, 0xc1, 0x0f, 0x58, 0xd3, 0xeb, 0xf8];

fn session(backend: Backend, steps: Steps, code: &[u8]) -> Session {
    let options = Options { patience: LONG, steps, ..Options::default() };
    // SAFETY: the programs change registers only.
    let session = unsafe { Session::start(backend, options) }.expect("a controller");
    session.load(Program::from_code(code, AppPc::new(0))).expect("a program");
    let start = CodePoint::At(InsnId::new(0));
    session.change(Box::new(move |state| state.point = start)).expect("a start");
    session
}

/// Best nanoseconds for one of each of the two.
fn compare(
    turns: u32,
    count: u64,
    bare: impl Fn(u64) -> Duration,
    ours: impl Fn(u64) -> Duration,
) -> (f64, f64) {
    let each = |time: Duration| time.as_nanos() as f64 / count as f64;
    let best = (f64::INFINITY, f64::INFINITY);
    (0..turns).fold(best, |best, _| (best.0.min(each(bare(count))), best.1.min(each(ours(count)))))
}

fn traced(session: &Session, count: u64, capture: Capture) -> Duration {
    let visit = |step: &Step<'_>| {
        black_box((step.point(), step.gpr().rax, step.area().map(|area| area[160])));
        ControlFlow::Continue(())
    };
    let start = Instant::now();
    session.trace(count, capture, Box::new(visit)).expect("steps");
    assert!(matches!(session.wait(LONG), Some(Event::Step { .. })));
    start.elapsed()
}

fn row(name: &str, goal: &str, (bare, ours): (f64, f64)) {
    println!("{name:<34} {bare:>10.0} ns {ours:>10.0} ns {:>8.2}  {goal}", ours / bare);
}

/// Time to look at a running program that many times.
fn samples(session: &Session, count: u64) -> Duration {
    session.run(InsnId::new(0)).expect("running");
    sleep(Duration::from_millis(1));
    let start = Instant::now();
    (0..count).for_each(|_| {
        black_box(session.state().expect("a state"));
    });
    let elapsed = start.elapsed();
    session.cancel().expect("stopped");
    assert_eq!(session.wait(LONG), Some(Event::Cancelled));
    elapsed
}

/// A circle of a thousand instructions.
fn large(step: &[u8]) -> Program {
    let mut program = Program::new();
    let id = |n: u32| InsnId::new(n % 1000);
    for n in 0..1000 {
        let bytes = if n % 2 == 0 { &[0x48, 0xff, 0xc0] } else { step };
        program.insert(id(n), bytes).expect("an instruction");
    }
    (0..1000).for_each(|n| program.link(id(n), Edge::Next, Some(id(n + 1))).expect("an edge"));
    program
}

/// Time to replace a running program that many times.
fn reloads(backend: Backend, count: u64) -> Duration {
    let session = session(backend, Steps::Flag, INTEGER);
    let programs = [large(&[0x48, 0xff, 0xc3]), large(&[0x0f, 0x58, 0xc1])];
    session.load(programs[0].clone()).expect("a program");
    session.run(InsnId::new(0)).expect("running");
    let mut best = Duration::MAX;
    for n in 1..=count {
        let program = programs[n as usize % 2].clone();
        let start = Instant::now();
        session.load(program).expect("a program");
        best = best.min(start.elapsed());
    }
    best
}

fn main() {
    // All on one processor: in virtual machines the same trap costs more on some than on others.
    pin(0, processor()).expect("a processor");
    println!("{:<34} {:>13} {:>13} {:>8}", "operation", "bare loop", "here", "ratio");
    let all = |backend, steps| session(backend, steps, INTEGER);
    let integer = all(Backend::Translated, Steps::Flag);
    let run = |count| traced(&integer, count, Capture::Integer);
    row("translated step, integer", "at most 125 ns", compare(20, 100_000, bare::integer, run));
    let vector = session(Backend::Translated, Steps::Flag, VECTOR);
    let run = |count| traced(&vector, count, Capture::All);
    row("translated step, all registers", "at most 333 ns", compare(20, 30_000, bare::vector, run));
    let flag = all(Backend::Signal, Steps::Flag);
    let run = |count| traced(&flag, count, Capture::Integer);
    row("signal step, trap flag", "at most 1.2", compare(40, 300, bare::flag, run));
    let breakpoints = all(Backend::Signal, Steps::Breakpoints);
    let run = |count| traced(&breakpoints, count, Capture::Integer);
    row("signal step, breakpoints", "at most 1.2", compare(40, 1000, bare::breakpoints, run));
    let child = all(Backend::Ptrace, Steps::Flag);
    let run = |count| traced(&child, count, Capture::Integer);
    row("ptrace step", "at most 1.2", compare(40, 300, bare::ptrace, run));
    row("sample, signal", "at most 1.2", compare(40, 300, bare::sample, |count| samples(&flag, count)));
    row("sample, ptrace", "", compare(40, 300, bare::sample_ptrace, |count| samples(&child, count)));
    for backend in Backend::ALL {
        let best = reloads(backend, 300);
        println!(
            "reload of 1000 running, {:<10} {:>38.0} µs  at most 1000 µs",
            backend.name(),
            best.as_nanos() as f64 / 1e3
        );
    }
}
