//! How soon a program stands still after somebody asks, in whatever it does, and is on the disk: the wait for
//! the next poll or out of the host call, the state, the write. Expected: microseconds at loops and in host
//! calls; what a piece takes in operators and calls on much memory. `cargo bench -p midstride-osr --bench latency`,
//! with parts of names behind `--` for some of the rows.
//!
//! The first row is no program: a thread looks at a flag all the time, which another one sets. What that takes
//! is the system's, and the least that any program takes.

use std::env;
use std::error::Error;
use std::io::pipe;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use midstride_osr::{Config, Engine, Linker, Module, Outcome, Val, WasiCtx};
use midstride_wasi::{Builder, Stream};

/// What goes on when it is frozen, all without an end.
const TEXT: &str = r#"(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_pwrite" (func $write (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (memory (export "memory") 1040)
    (table $t 1 10000000 funcref)
    (elem declare func $fib)
    (func (export "loop") (local i64)
      (loop $l (local.set 0 (i64.add (local.get 0) (i64.const 1))) (br $l)))
    (func $fib (param i32) (result i32)
      (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
        (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                       (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "loop of 2000 operators") (local i64)
      (loop $l LONG (br $l)))
    (func (export "the same, a rare call") (local i64)
      (loop $l (if (i64.eq (local.get 0) (i64.const 1)) (then (drop (call $fib (i32.const 1))))) LONG (br $l)))
    (func (export "calls") (loop $l (drop (call $fib (i32.const 30))) (br $l)))
    (func (export "fill 1 MiB")
      (loop $l (memory.fill (i32.const 1024) (i32.const 1) (i32.const 0x100000)) (br $l)))
    (func (export "fill 64 MiB")
      (loop $l (memory.fill (i32.const 1024) (i32.const 1) (i32.const 0x4000000)) (br $l)))
    (func (export "copy 64 MiB upwards")
      (loop $l (memory.copy (i32.const 2048) (i32.const 1024) (i32.const 0x4000000)) (br $l)))
    (func (export "grow by 9 M elements")
      (drop (table.grow $t (ref.func $fib) (i32.const 9000000))) (loop $l (br $l)))
    (func (export "random_get of 64 MiB")
      (loop $l (drop (call $random (i32.const 1024) (i32.const 0x4000000))) (br $l)))
    (func (export "fd_pwrite of 64 MiB")
      (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 0x4000000))
      (loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 16))) (br $l)))
    (func (export "poll_oneoff for an hour")
      (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 3600000000000))
      (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
    (func (export "fd_read of a pipe")
      (i32.store (i32.const 0) (i32.const 256)) (i32.store (i32.const 4) (i32.const 1))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

/// Put in the place of `LONG`, so often.
const LONG: (&str, usize) =
    ("(local.set 0 (i64.mul (i64.xor (local.get 0) (i64.const 7)) (local.get 0)))", 333);

const KINDS: [&str; 12] = [
    "loop",
    "loop of 2000 operators",
    "the same, a rare call",
    "calls",
    "fill 1 MiB",
    "fill 64 MiB",
    "copy 64 MiB upwards",
    "grow by 9 M elements",
    "random_get of 64 MiB",
    "fd_pwrite of 64 MiB",
    "poll_oneoff for an hour",
    "fd_read of a pipe",
];

/// How often each is frozen.
const ROUNDS: u32 = 100;

/// Of one freeze: until the program stands still, until its state is read, until it is on the disk.
struct Times {
    wait: Duration,
    state: Duration,
    write: Duration,
}

fn main() -> Result<(), Box<dyn Error>> {
    let module = Module::new(&Engine::new(Config::default())?, TEXT.replace("LONG", &LONG.0.repeat(LONG.1)))?;
    println!("of {ROUNDS} freezes, median and longest: the wait, the state, and the write with its sync");
    row("a flag, no program", flag)?;
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let is_wanted = |kind: &&str| wanted.is_empty() || wanted.iter().any(|part| kind.contains(&**part));
    KINDS.into_iter().filter(is_wanted).try_for_each(|kind| row(kind, || measure(&module, kind)))
}

fn row(name: &str, measure: impl Fn() -> Result<Times, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let times: Vec<Times> = (0..ROUNDS).map(|_| measure()).collect::<Result<_, _>>()?;
    let part = |part: fn(&Times) -> Duration| {
        let mut all: Vec<Duration> = times.iter().map(part).collect();
        all.sort();
        format!("{:>10.1?} {:>10.1?}", all[all.len() / 2], all[all.len() - 1])
    };
    println!("{name:24} {} | {} | {}", part(|t| t.wait), part(|t| t.state), part(|t| t.write));
    Ok(())
}

/// Has another thread ask in a while; it answers when it did.
fn soon(ask: impl FnOnce() + Send + 'static) -> JoinHandle<Instant> {
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        let now = Instant::now();
        ask();
        now
    })
}

fn flag() -> Result<Times, Box<dyn Error>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    let other = soon(move || set.store(true, Ordering::Release));
    while !flag.load(Ordering::Acquire) {}
    let stopped = Instant::now();
    let asked = other.join().map_err(|_| "the other thread failed")?;
    Ok(Times { wait: stopped - asked, state: Duration::ZERO, write: Duration::ZERO })
}

fn measure(module: &Module, kind: &str) -> Result<Times, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let (input, _open) = pipe()?;
    let output = Stream::Handle(OwnedFd::from(tempfile::tempfile()?));
    let builder = Builder::new().stdin(Stream::Handle(OwnedFd::from(input))).stdout(output);
    let wasi = WasiCtx::new(builder.build()?);
    let mut linker = Linker::new();
    wasi.add_to_linker(&mut linker);
    let instance = linker.instantiate(module)?;
    let (handle, interrupt) = (instance.freeze_handle(), wasi.with(|wasi| wasi.interrupt()));
    handle.on_freeze(move || interrupt.raise());
    let other = soon(move || handle.freeze());
    let outcome = instance.get_func(kind).ok_or("no such function")?.run(&[] as &[Val])?;
    let stopped = Instant::now();
    let asked = other.join().map_err(|_| "the other thread failed")?;
    let Outcome::Frozen(frozen) = outcome else { return Err("it ended".into()) };
    let begun = Instant::now();
    frozen.state()?;
    let read = Instant::now();
    frozen.save(&directory.path().join("image"))?;
    Ok(Times { wait: stopped - asked, state: read - begun, write: read.elapsed() })
}
