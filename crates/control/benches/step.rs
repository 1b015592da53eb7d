//! What does a step cost, next to the least that the technique allows?
//!
//! Each group has a bare loop: the same technique with nothing around it, on this machine, at this moment. In
//! virtual machines a trap costs several microseconds; a translated step costs some tens of nanoseconds.

mod bare;

use core::ops::ControlFlow;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use midstride_addr::AppPc;
use midstride_control::{
    Backend, Capture, CodePoint, Controller, Event, InsnId, Options, Program, Session, Step, Steps,
};

const LONG: Duration = Duration::from_secs(120);

/// inc rax; inc rbx; dec rcx; jmp to the start.
const INTEGER: &[u8] = &[0x48, 0xff, 0xc0, 0x48, 0xff, 0xc3, 0x48, 0xff, 0xc9, 0xeb, 0xf5];
/// addps xmm0, xmm1; addps xmm2, xmm3; jmp to the start.
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

fn finish(session: &Session) {
    assert!(matches!(session.wait(LONG), Some(Event::Step { .. })));
}

/// Time for a number of steps.
fn steps(session: &Session, count: u64) -> Duration {
    let start = Instant::now();
    session.step(count).expect("steps");
    finish(session);
    start.elapsed()
}

/// Time for a number of steps with the state behind each looked at.
fn traced(session: &Session, count: u64, capture: Capture) -> Duration {
    let visit = |step: &Step<'_>| {
        black_box((step.point(), step.gpr().rax, step.area().map(|area| area[160])));
        ControlFlow::Continue(())
    };
    let start = Instant::now();
    session.trace(count, capture, Box::new(visit)).expect("steps");
    finish(session);
    start.elapsed()
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut run: impl FnMut(u64) -> Duration) {
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |b| b.iter_custom(&mut run));
}

fn translated(c: &mut Criterion) {
    let mut group = c.benchmark_group("translated");
    bench(&mut group, "integer, bare loop", bare::integer);
    let integer = session(Backend::Translated, Steps::Flag, INTEGER);
    bench(&mut group, "integer, step", |count| steps(&integer, count));
    bench(&mut group, "integer, trace", |count| traced(&integer, count, Capture::Integer));
    bench(&mut group, "vector, bare loop", bare::vector);
    let vector = session(Backend::Translated, Steps::Flag, VECTOR);
    bench(&mut group, "vector, step", |count| steps(&vector, count));
    bench(&mut group, "vector, trace", |count| traced(&vector, count, Capture::All));
}

fn signal(c: &mut Criterion) {
    let mut group = c.benchmark_group("signal");
    bench(&mut group, "flag, bare loop", bare::flag);
    let flag = session(Backend::Signal, Steps::Flag, INTEGER);
    bench(&mut group, "flag, step", |count| steps(&flag, count));
    bench(&mut group, "flag, trace", |count| traced(&flag, count, Capture::Integer));
    bench(&mut group, "breakpoints, bare loop", bare::breakpoints);
    let breakpoints = session(Backend::Signal, Steps::Breakpoints, INTEGER);
    bench(&mut group, "breakpoints, step", |count| steps(&breakpoints, count));
}

fn ptrace(c: &mut Criterion) {
    let mut group = c.benchmark_group("ptrace");
    bench(&mut group, "bare loop", bare::ptrace);
    let session = session(Backend::Ptrace, Steps::Flag, INTEGER);
    bench(&mut group, "step", |count| steps(&session, count));
    bench(&mut group, "trace", |count| traced(&session, count, Capture::Integer));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = translated, signal, ptrace
}
criterion_main!(benches);
