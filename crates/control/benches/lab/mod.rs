//! Controllers to measure.

use core::ops::ControlFlow;
use std::hint::black_box;
use std::thread::sleep;
use std::time::{Duration, Instant};

use midstride_addr::AppPc;
use midstride_control::{
    Backend, Capture, CodePoint, Controller, Edge, Event, InsnId, Options, Program, Session, Step, Steps,
};

const LONG: Duration = Duration::from_secs(120);
/// inc rax; inc rbx; dec rcx; jmp to the start.
pub(crate) const INTEGER: &[u8] = &[0x48, 0xff, 0xc0, 0x48, 0xff, 0xc3, 0x48, 0xff, 0xc9, 0xeb, 0xf5];
/// addps xmm0, xmm1; addps xmm2, xmm3; jmp to the start.
pub(crate) const VECTOR: &[u8] = &[0x0f, 0x58, 0xc1, 0x0f, 0x58, 0xd3, 0xeb, 0xf8];

/// A controller in front of the first instruction.
pub(crate) fn session(backend: Backend, steps: Steps, code: &[u8]) -> Session {
    let options = Options { patience: LONG, steps, ..Options::default() };
    // SAFETY: the programs change registers only.
    let session = unsafe { Session::start(backend, options) }.expect("a controller");
    session.load(Program::from_code(code, AppPc::new(0))).expect("a program");
    let start = CodePoint::At(InsnId::new(0));
    session.change(Box::new(move |state| state.point = start)).expect("a start");
    session
}

/// Time for a number of steps with the state behind each looked at.
pub(crate) fn traced(session: &Session, count: u64, capture: Capture) -> Duration {
    let visit = |step: &Step<'_>| {
        black_box((step.point(), step.gpr().rax, step.area().map(|area| area[160])));
        ControlFlow::Continue(())
    };
    let start = Instant::now();
    session.trace(count, capture, Box::new(visit)).expect("steps");
    assert!(matches!(session.wait(LONG), Some(Event::Step { .. })));
    start.elapsed()
}

/// Time to look at a running program that many times.
pub(crate) fn samples(session: &Session, count: u64) -> Duration {
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

/// Best time to replace a running program, of that many.
pub(crate) fn reload(backend: Backend, count: u64) -> Duration {
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
