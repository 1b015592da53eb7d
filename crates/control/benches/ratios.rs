//! How near is each operation to the least that its technique allows?
//!
//! Bare loop and operation take turns, and the best turn of each counts: on a machine with other work that is
//! the steadiest figure there is. Prints a table in Markdown; an argument chooses operations by a part of their
//! name. Goals that are missed are bold; with `--strict` that is a failure.

mod bare;
mod lab;

use std::process::ExitCode;
use std::time::Duration;

use midstride_control::{Backend, Capture, Steps};
use midstride_os::process::pin;
use midstride_os::thread::processor;

use lab::{INTEGER, VECTOR, samples, session, traced};

/// What is wanted of an operation.
#[derive(Clone, Copy)]
enum Goal {
    /// At most this many times the bare loop.
    Ratio(f64),
    /// At most this many nanoseconds.
    Nanoseconds(f64),
}

/// An operation: the bare loop, and what we do, each for a number of times.
struct Operation {
    name: &'static str,
    goal: Goal,
    turns: u32,
    count: u64,
    bare: Option<fn(u64) -> Duration>,
    /// Makes what is measured.
    ours: fn() -> Box<dyn Fn(u64) -> Duration>,
}

fn trace_of(backend: Backend, steps: Steps, code: &[u8], capture: Capture) -> Box<dyn Fn(u64) -> Duration> {
    let session = session(backend, steps, code);
    Box::new(move |count| traced(&session, count, capture))
}

fn samples_of(backend: Backend) -> Box<dyn Fn(u64) -> Duration> {
    let session = session(backend, Steps::Flag, INTEGER);
    Box::new(move |count| samples(&session, count))
}

fn reload_of(backend: Backend) -> Box<dyn Fn(u64) -> Duration> {
    // The best of many is asked for there.
    Box::new(move |count| lab::reload(backend, count) * count as u32)
}

const OPERATIONS: [Operation; 10] = [
    Operation {
        name: "translated step, general registers and flags",
        goal: Goal::Nanoseconds(125.0),
        turns: 150,
        count: 30_000,
        bare: Some(bare::integer),
        ours: || trace_of(Backend::Translated, Steps::Flag, INTEGER, Capture::Integer),
    },
    Operation {
        name: "translated step, all registers",
        goal: Goal::Nanoseconds(333.0),
        turns: 250,
        count: 6_000,
        bare: Some(bare::vector),
        ours: || trace_of(Backend::Translated, Steps::Flag, VECTOR, Capture::All),
    },
    Operation {
        name: "signal step by the trap flag",
        goal: Goal::Ratio(1.2),
        turns: 300,
        count: 60,
        bare: Some(bare::flag),
        ours: || trace_of(Backend::Signal, Steps::Flag, INTEGER, Capture::Integer),
    },
    Operation {
        name: "signal step by breakpoints",
        goal: Goal::Ratio(1.2),
        turns: 100,
        count: 400,
        bare: Some(bare::breakpoints),
        ours: || trace_of(Backend::Signal, Steps::Breakpoints, INTEGER, Capture::Integer),
    },
    Operation {
        name: "ptrace step",
        goal: Goal::Ratio(1.2),
        turns: 100,
        count: 100,
        bare: Some(bare::ptrace),
        ours: || trace_of(Backend::Ptrace, Steps::Flag, INTEGER, Capture::Integer),
    },
    Operation {
        name: "look at a running thread (signal)",
        goal: Goal::Ratio(1.2),
        turns: 60,
        count: 200,
        bare: Some(bare::sample),
        ours: || samples_of(Backend::Signal),
    },
    Operation {
        name: "look at a running task (ptrace)",
        goal: Goal::Ratio(1.2),
        turns: 60,
        count: 200,
        bare: Some(bare::sample_ptrace),
        ours: || samples_of(Backend::Ptrace),
    },
    Operation {
        name: "reload 1000 running instructions (signal)",
        goal: Goal::Nanoseconds(1e6),
        turns: 1,
        count: 300,
        bare: None,
        ours: || reload_of(Backend::Signal),
    },
    Operation {
        name: "reload 1000 running instructions (ptrace)",
        goal: Goal::Nanoseconds(1e6),
        turns: 1,
        count: 300,
        bare: None,
        ours: || reload_of(Backend::Ptrace),
    },
    Operation {
        name: "reload 1000 running instructions (translated)",
        goal: Goal::Nanoseconds(1e6),
        turns: 1,
        count: 300,
        bare: None,
        ours: || reload_of(Backend::Translated),
    },
];

/// What was measured: best nanoseconds of the bare loop and of ours.
struct Row {
    bare: Option<f64>,
    ours: f64,
}

impl Operation {
    fn measure(&self) -> Row {
        let ours = (self.ours)();
        let each = |time: Duration| time.as_nanos() as f64 / self.count as f64;
        let mut best = (f64::INFINITY, f64::INFINITY);
        for _ in 0..self.turns {
            if let Some(bare) = self.bare {
                best.0 = best.0.min(each(bare(self.count)));
            }
            best.1 = best.1.min(each(ours(self.count)));
        }
        Row { bare: self.bare.map(|_| best.0), ours: best.1 }
    }

    fn is_met(&self, row: &Row) -> bool {
        match self.goal {
            Goal::Ratio(ratio) => row.bare.is_some_and(|bare| row.ours / bare <= ratio),
            Goal::Nanoseconds(most) => row.ours <= most,
        }
    }

    fn line(&self, row: &Row) -> String {
        let bare = row.bare.map_or(String::new(), |bare| format!("{bare:.0}"));
        let ratio = row.bare.map_or(String::new(), |bare| format!("{:.2}", row.ours / bare));
        let goal = match self.goal {
            Goal::Ratio(ratio) => format!("ratio ≤ {ratio}"),
            Goal::Nanoseconds(most) => format!("≤ {most:.0} ns"),
        };
        let goal = if self.is_met(row) { goal } else { format!("**{goal}**") };
        format!("| {} | {bare} | {:.0} | {ratio} | {goal} |", self.name, row.ours)
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    // All on one processor: in virtual machines the same trap costs more on some than on others.
    pin(0, processor()).expect("a processor");
    println!("| operation | bare loop, ns | here, ns | ratio | goal |");
    println!("| --- | --: | --: | --: | --- |");
    let chosen = |operation: &&Operation| {
        wanted.is_empty() || wanted.iter().any(|part| operation.name.contains(part.as_str()))
    };
    let mut met = true;
    for operation in OPERATIONS.iter().filter(chosen) {
        let row = operation.measure();
        met &= operation.is_met(&row);
        println!("{}", operation.line(&row));
    }
    let strict = args.iter().any(|arg| arg == "--strict");
    if met || !strict { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
