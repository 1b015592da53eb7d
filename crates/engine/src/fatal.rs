//! Ends that are nobody's but ours: one clear line, then an exit status.

use core::fmt::Write;

use midstride_addr::AppPc;
use midstride_block::BuildError;
use midstride_os::Stderr;

/// Exit status after an error of the engine itself, as `EX_SOFTWARE` in sysexits.h.
pub const STATUS: i32 = 70;

/// The program's code at `pc` cannot be rewritten and there is nothing else to run.
pub(crate) fn no_block(pc: AppPc, error: BuildError) -> ! {
    fail(format_args!("cannot rewrite the code at {pc}: {error}"))
}

/// The engine cannot go on without `bytes` of memory, and there are none.
pub(crate) fn no_memory(bytes: usize) -> ! {
    fail(format_args!("no memory is left: the engine needs {bytes:#x} bytes more beside the program's"))
}

/// The program wants a segment base that is the engine's.
pub(crate) fn gs_is_used(base: u64) -> ! {
    fail(format_args!("the program sets its GS base to {base:#x}; programs that use GS are not supported"))
}

/// Says why and ends the process.
pub fn fail(why: core::fmt::Arguments<'_>) -> ! {
    let _ = writeln!(Stderr, "midtrace: {why}");
    midstride_os::thread::exit_group(STATUS)
}
