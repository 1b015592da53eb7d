//! Runs one command, watches all it leaves behind, and writes down how it ended.
//!
//! `keeper REPORT SECONDS aslr-off|aslr-as-found STDIN STDOUT STDERR COMMAND ARGS…`
//!
//! It is the reaper of everything the command starts (daemons too), so nothing outlives the test, and a
//! process of its own, so that waiting here takes nothing from the test's other threads.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use midstride_tests::job::{End, Kept};
use midstride_tests::{hang, proc};
use nix::sys::personality::{self, Persona};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigHandler, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How long what the command started may go on after its end.
const GRACE: Duration = Duration::from_secs(2);
/// How often the processes are looked at.
const PAUSE: Duration = Duration::from_millis(2);

fn main() {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let [report, seconds, aslr, stdin, stdout, stderr, command @ ..] = &words[..] else {
        eprintln!("usage: keeper REPORT SECONDS ASLR STDIN STDOUT STDERR COMMAND…");
        std::process::exit(2);
    };
    nix::sys::prctl::set_child_subreaper(true).expect("Linux 3.4 or later");
    if aslr == "aslr-off" {
        let now = personality::get().expect("personality is readable");
        personality::set(now | Persona::ADDR_NO_RANDOMIZE).expect("personality can be changed");
    }
    let seconds = seconds.to_str().and_then(|text| text.parse().ok()).expect("a number of seconds");
    let kept = keep([stdin, stdout, stderr], command, Duration::from_secs(seconds));
    let text = serde_json::to_string(&kept).expect("plain data");
    fs::write(report, text).expect("the report's directory is there");
}

fn keep(streams: [&OsString; 3], command: &[OsString], limit: Duration) -> Kept {
    let start = Instant::now();
    let mut child = match spawn(streams, command) {
        Ok(child) => child,
        Err(error) => {
            return Kept {
                end: End::NotStarted(error.to_string()),
                left_over: Vec::new(),
                cpu_us: 0,
                wall_us: 0,
            };
        }
    };
    let end = wait_for(&mut child, start + limit);
    let wall_us = start.elapsed().as_micros() as u64;
    let left_over = if matches!(end, End::TimedOut(_)) { Vec::new() } else { wait_for_rest() };
    kill_all();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a valid argument");
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
    Kept { end, left_over, cpu_us: micros(usage.user_time()) + micros(usage.system_time()), wall_us }
}

fn spawn([stdin, stdout, stderr]: [&OsString; 3], words: &[OsString]) -> std::io::Result<Child> {
    let made = |path: &OsString| File::create(Path::new(path));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(File::open(stdin)?).stdout(made(stdout)?).stderr(made(stderr)?);
    command.process_group(0);
    // What a shell ignores for its background jobs, their programs would ignore too.
    let defaults = || {
        for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
            // SAFETY: no handler is set.
            unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) }?;
        }
        Ok(())
    };
    // SAFETY: the closure makes only async-signal-safe calls.
    unsafe { command.pre_exec(defaults) }.spawn()
}

/// Reaps until `child` has ended or its time is up.
fn wait_for(child: &mut Child, until: Instant) -> End {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return end_of(status),
            Ok(None) if Instant::now() > until => {
                let place = hang::describe(std::process::id());
                // Killed here, so its status would say nothing.
                kill_all();
                return End::TimedOut(place);
            }
            Ok(None) => {
                reap_orphans(child.id());
                sleep(PAUSE);
            }
            Err(error) => return End::NotStarted(format!("lost the child: {error}")),
        }
    }
}

fn end_of(status: ExitStatus) -> End {
    match status.signal() {
        Some(signal) => End::Signaled(signal),
        None => End::Exited(status.code().unwrap_or(-1)),
    }
}

/// Reaps the dead among the processes that became ours when their parents died.
fn reap_orphans(child: u32) {
    for pid in proc::descendants(std::process::id()).into_iter().filter(|pid| *pid != child) {
        // ECHILD for those that are not ours.
        let _ = waitpid(Pid::from_raw(pid as i32), Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL));
    }
}

/// Waits a little for what the command left; gives the command lines of what stays.
fn wait_for_rest() -> Vec<String> {
    let until = Instant::now() + GRACE;
    loop {
        reap_orphans(0);
        let rest = proc::descendants(std::process::id());
        if rest.is_empty() || Instant::now() > until {
            return rest.into_iter().map(proc::command_line).collect();
        }
        sleep(PAUSE);
    }
}

/// Kills everything below this process, however fast it forks, and reaps it, threads that were looked at
/// by ptrace included; gives up on what cannot be killed.
fn kill_all() {
    for _ in 0..1000 {
        let rest = proc::descendants(std::process::id());
        for pid in &rest {
            // It may be gone already.
            let _ = kill(Pid::from_raw(*pid as i32), Signal::SIGKILL);
        }
        let all = Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL);
        while waitpid(None, all).is_ok_and(|status| status != WaitStatus::StillAlive) {}
        if rest.is_empty() {
            return;
        }
        sleep(Duration::from_millis(2));
    }
}
