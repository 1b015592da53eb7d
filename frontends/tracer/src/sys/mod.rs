//! The only module of the host that makes raw system calls; everything it offers is safe to call.
//!
//! `libc` rather than a wrapper crate: signal numbers here are plain integers because a traced program
//! may be stopped by a realtime signal, which enumerations of signals leave out.

mod control;
mod descriptor;
mod ptrace;
mod signals;
mod spawn;
mod wait;

pub(crate) use control::{
    ControlMap, create_memfd, futex_wait, futex_wake, offset_in_program, with_hard_file_size_limit,
};
pub(crate) use descriptor::{copy_descriptor, send_file};
pub(crate) use ptrace::{
    Regs, attach, cont, detach, event_message, interrupt, listen, read_memory, regs, set_regs,
    set_signal_mask, signal_mask, step_to_syscall_stop, suspend_seccomp, write_bootstrap, write_memory,
};
pub(crate) use signals::{
    ChildSignalsHeld, Delivery, Pending, catch_signals, die_by_signal, send_signal, stop_self, take_pending,
};
pub(crate) use spawn::{ProgramFile, has_file_capabilities, keep_standard_descriptors, spawn_held};
pub(crate) use wait::{Change, Stop, poll_any, tree_times, wait_for};

/// A process or thread id.
pub(crate) type Pid = i32;

/// Whether this process may trace programs that gain privileges, roughly.
pub(crate) fn is_superuser() -> bool {
    // SAFETY: only asks; cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// What a libc call that answers -1 on failure came back with.
fn check(result: impl Into<i64>) -> std::io::Result<i64> {
    match result.into() {
        -1 => Err(std::io::Error::last_os_error()),
        value => Ok(value),
    }
}
