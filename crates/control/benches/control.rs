//! What do steps, looks at running programs and reloads cost?
//!
//! Expected: some tens of nanoseconds for a translated step, a hundred or two with all registers; what the kernel
//! takes for everything else, which is microseconds, in virtual machines ten; a fifth of a millisecond to
//! replace a thousand instructions. Each group has a bare loop: the same technique with nothing around it.

mod bare;
mod lab;

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use midstride_control::{Backend, Capture, Steps};

use lab::{INTEGER, VECTOR, reload, samples, session, traced};

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut run: impl FnMut(u64) -> Duration) {
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |b| b.iter_custom(&mut run));
}

fn translated(c: &mut Criterion) {
    let mut group = c.benchmark_group("control/step translated");
    bench(&mut group, "integer, bare loop", bare::integer);
    let integer = session(Backend::Translated, Steps::Flag, INTEGER);
    bench(&mut group, "integer", |count| traced(&integer, count, Capture::Integer));
    bench(&mut group, "all registers, bare loop", bare::vector);
    let vector = session(Backend::Translated, Steps::Flag, VECTOR);
    bench(&mut group, "all registers", |count| traced(&vector, count, Capture::All));
}

fn signal(c: &mut Criterion) {
    let mut group = c.benchmark_group("control/step signal");
    bench(&mut group, "flag, bare loop", bare::flag);
    let flag = session(Backend::Signal, Steps::Flag, INTEGER);
    bench(&mut group, "flag", |count| traced(&flag, count, Capture::Integer));
    bench(&mut group, "breakpoints, bare loop", bare::breakpoints);
    let breakpoints = session(Backend::Signal, Steps::Breakpoints, INTEGER);
    bench(&mut group, "breakpoints", |count| traced(&breakpoints, count, Capture::Integer));
}

fn ptrace(c: &mut Criterion) {
    let mut group = c.benchmark_group("control/step ptrace");
    bench(&mut group, "bare loop", bare::ptrace);
    let session = session(Backend::Ptrace, Steps::Flag, INTEGER);
    bench(&mut group, "step", |count| traced(&session, count, Capture::Integer));
}

fn sample(c: &mut Criterion) {
    let mut group = c.benchmark_group("control/sample");
    bench(&mut group, "signal, bare loop", bare::sample);
    bench(&mut group, "ptrace, bare loop", bare::sample_ptrace);
    for backend in Backend::ALL {
        let session = session(backend, Steps::Flag, INTEGER);
        bench(&mut group, backend.name(), |count| samples(&session, count));
    }
}

fn reloads(c: &mut Criterion) {
    let mut group = c.benchmark_group("control/reload");
    for backend in Backend::ALL {
        bench(&mut group, backend.name(), |count| reload(backend, 10) * count as u32);
    }
}

fn main() {
    let mut c = Criterion::default().sample_size(20).configure_from_args();
    [translated, signal, ptrace, sample, reloads].iter().for_each(|group| group(&mut c));
    c.final_summary();
}
