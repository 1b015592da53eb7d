//! Where the threads of a process tree are: said about a command whose time is up.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::{decode, proc};

/// Times each thread is looked at: a moving thread shows different places.
const LOOKS: usize = 3;
/// Lines of the memory map shown for a process.
const MAP_LINES: usize = 12;

/// Describes every descendant of `root`. Threads that can be are stopped for a moment to read their registers.
#[must_use]
pub fn describe(root: u32) -> String {
    let mut text = String::new();
    for pid in proc::descendants(root) {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "process {pid}: {}", proc::command_line(pid));
        for tid in proc::threads(pid) {
            describe_thread(pid, tid, &maps, &mut text);
        }
        let lines: Vec<&str> = maps.lines().collect();
        let _ = writeln!(text, "  maps: {} lines, the last ones:", lines.len());
        for line in lines.iter().skip(lines.len().saturating_sub(MAP_LINES)) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn describe_thread(pid: u32, tid: u32, maps: &str, text: &mut String) {
    let _ = writeln!(
        text,
        "  thread {tid} ({}): {}",
        proc::field(pid, tid, "comm"),
        proc::status_lines(pid, tid).join(", ")
    );
    let _ = writeln!(text, "    in system call: {}", proc::field(pid, tid, "syscall"));
    let _ = writeln!(text, "    kernel: {}", proc::field(pid, tid, "stack").replace('\n', " < "));
    for _ in 0..LOOKS {
        match registers(tid) {
            Ok(registers) => {
                let place = proc::mapping_of(maps, registers.rip).unwrap_or("nowhere mapped");
                let _ =
                    writeln!(text, "    rip {:#x} [{place}] {}", registers.rip, code_at(pid, registers.rip));
                let _ = writeln!(
                    text,
                    "      rsp {:#x} rax {:#x} rcx {:#x} rdi {:#x} rsi {:#x} orig_rax {} eflags {:#x}",
                    registers.rsp,
                    registers.rax,
                    registers.rcx,
                    registers.rdi,
                    registers.rsi,
                    registers.orig_rax as i64,
                    registers.eflags
                );
            }
            Err(error) => {
                let _ = writeln!(text, "    registers not readable: {error}");
                return;
            }
        }
        sleep(Duration::from_millis(20));
    }
}

fn registers(tid: u32) -> nix::Result<nix::libc::user_regs_struct> {
    let tid = Pid::from_raw(tid as i32);
    ptrace::seize(tid, ptrace::Options::empty())?;
    ptrace::interrupt(tid)?;
    let end = Instant::now() + Duration::from_secs(1);
    let stopped = loop {
        match waitpid(tid, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) if Instant::now() < end => sleep(Duration::from_millis(1)),
            Ok(WaitStatus::StillAlive) => break Err(nix::Error::ETIMEDOUT),
            Ok(_) => break ptrace::getregs(tid),
            Err(error) => break Err(error),
        }
    };
    // It may be gone by now; then there is nothing to let go.
    let _ = ptrace::detach(tid, None);
    stopped
}

fn code_at(pid: u32, rip: u64) -> String {
    let mut bytes = [0; 15];
    let read = fs::File::open(format!("/proc/{pid}/mem")).and_then(|mut file| {
        file.seek(SeekFrom::Start(rip))?;
        file.read(&mut bytes)
    });
    match read {
        Ok(count) => decode::show(&bytes[..count], rip),
        Err(_) => "(unreadable)".to_owned(),
    }
}
