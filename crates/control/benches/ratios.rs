//! How near is each operation to the least that its technique allows?
//!
//! Bare loop and operation take turns, and the best turn of each counts: on a machine with other work that is
//! the steadiest figure there is. Prints a table and fails when a goal is missed by far.

mod bare;
mod lab;

use std::time::Duration;

use midstride_control::{Backend, Capture, Steps};
use midstride_os::process::pin;
use midstride_os::thread::processor;

use lab::{INTEGER, VECTOR, samples, session, traced};

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

fn row(name: &str, goal: &str, (bare, ours): (f64, f64)) {
    println!("{name:<34} {bare:>10.0} ns {ours:>10.0} ns {:>8.2}  {goal}", ours / bare);
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
        let best = lab::reload(backend, 300);
        println!(
            "reload of 1000 running, {:<10} {:>38.0} µs  at most 1000 µs",
            backend.name(),
            best.as_nanos() as f64 / 1e3
        );
    }
}
