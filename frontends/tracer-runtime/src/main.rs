//! The image that `midtrace` maps into a traced program: an engine and what it reports.
//!
//! The host maps it, relocated, and enters it at `_start` with the address of a [`Bootstrap`] block before the program's
//! first instruction. It uses no library of the program's, no vector register and no descriptor while
//! program code runs.
#![no_std]
#![no_main]

mod channel;
mod exec;
mod limits;
mod mem;
mod modules;
mod privilege;
mod report;
mod start;
mod tracer;

use core::fmt::Write;
use core::panic::PanicInfo;

use midstride_engine::Heap;
use midstride_os::Stderr;

/// Everything that allocates does so here: the engine's tables, the decoder's.
#[global_allocator]
static HEAP: Heap = Heap::new();

/// A bug of ours: say so and end the process, as there is nothing sound to go on with.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Stderr, "midtrace: internal error: {info}");
    midstride_os::thread::exit_group(midstride_engine::fatal::STATUS)
}
