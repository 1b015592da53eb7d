//! How fast modules are compiled, maps included, by one thread:
//! `cargo bench -p midstride-osr --bench compile -- MODULE...`.
//!
//! Without modules a made one is taken. What counts is the processor time of the fastest of many turns.
//! `TURNS` in the environment says how many.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::time::Duration;

use midstride_osr::{Config, Engine, Module};

/// Turns without `TURNS`.
const TURNS: usize = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let turns = env::var("TURNS").ok().and_then(|turns| turns.parse().ok()).unwrap_or(TURNS);
    let paths: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if paths.is_empty() {
        return measure("made", &wat::parse_str(made())?, turns);
    }
    paths.iter().try_for_each(|path| measure(path, &fs::read(path)?, turns))
}

/// Functions with a bit of everything, a megabyte of them.
fn made() -> String {
    let mut text = String::from("(module (memory 1) (global $g (mut i32) (i32.const 0))");
    for _ in 0..11_000 {
        text.push_str(FUNCTION);
    }
    text.write_char(')').map(|()| text).unwrap_or_default()
}

const FUNCTION: &str = r#"(func (param i32 i32) (result i32) (local i32 f64)
    (loop $again
      (if (i32.lt_s (local.get 2) (local.get 1))
        (then
          (i32.store offset=4 (local.get 0) (i32.add (i32.load offset=8 (local.get 0)) (i32.const 3)))
          (local.set 3 (f64.add (local.get 3) (f64.load (i32.shl (local.get 2) (i32.const 3)))))))
      (br_if $again (i32.ne (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (i32.const 100))))
    (global.set $g (call 0 (global.get $g) (i32.rem_u (local.get 0) (local.get 1))))
    (i32.trunc_sat_f64_s (local.get 3)))"#;

/// The processor time that this thread has had.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to `time` only.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

fn measure(name: &str, wasm: &[u8], turns: usize) -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(Config::default())?;
    let mut best = [Duration::MAX; 2];
    let mut sizes = (0, 0);
    for _ in 0..turns {
        let start = processor_time();
        Module::validate(wasm)?;
        best[0] = best[0].min(processor_time() - start);
        let start = processor_time();
        let module = Module::from_binary(&engine, wasm)?;
        best[1] = best[1].min(processor_time() - start);
        sizes = module.sizes();
    }
    let speed = best.map(|best| wasm.len() as f64 / 1e6 / best.as_secs_f64());
    let share = |bytes: usize| bytes as f64 / wasm.len() as f64;
    println!(
        "{name}: {} bytes; validated {:.1} MB/s, compiled {:.1} MB/s; code {:.2}, maps {:.2} bytes a byte",
        wasm.len(),
        speed[0],
        speed[1],
        share(sizes.0),
        share(sizes.1)
    );
    Ok(())
}
