//! CPU time of a program and of everything it leaves behind.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::TimeValLike;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::Serialize;

/// What one run took and what came out of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Sample {
    /// User and system time of the program, its children, and helper processes that outlived it.
    pub(super) cpu: Duration,
    /// Time on the wall until the last of them ended.
    pub(super) wall: Duration,
    /// What the program did, as far as it must not differ between runs.
    pub(super) behaviour: Behaviour,
}

/// How a program ended and what it wrote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Behaviour {
    /// Exit code, or the signal that ended it.
    pub(super) end: End,
    /// Hash of standard output, then of standard error.
    pub(super) written: [u64; 2],
}

/// How a program ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) enum End {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal of this number.
    Signal(i32),
}

/// Runs programs one at a time and waits for all that descends from them.
pub(super) struct Meter<'a> {
    scratch: &'a Path,
    limit: Duration,
}

impl<'a> Meter<'a> {
    /// A meter that keeps outputs in `scratch` and kills what runs longer than `limit`. From now on this process
    /// adopts the orphans of its descendants, so that it can wait for them: the kernel adds a process's CPU
    /// time to its parent's account only when the parent waits.
    pub(super) fn new(scratch: &'a Path, limit: Duration) -> Result<Self> {
        set_child_subreaper(true).context("cannot become a subreaper")?;
        Ok(Self { scratch, limit })
    }

    /// Runs `command` with nothing on its standard input. No other child of this process may be running.
    pub(super) fn run(&self, command: &mut Command) -> Result<Sample> {
        let outputs = ["stdout", "stderr"].map(|name| self.scratch.join(name));
        let [stdout, stderr] = [File::create(&outputs[0])?, File::create(&outputs[1])?];
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
        let (before, start) = (children_cpu()?, Instant::now());
        let child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let leader = Pid::from_raw(i32::try_from(child.id())?);
        let end = kill_after(self.limit, leader, || reap_all(leader))?;
        let (cpu, wall) = (children_cpu()? - before, start.elapsed());
        let written = [hash_of(&outputs[0])?, hash_of(&outputs[1])?];
        Ok(Sample { cpu, wall, behaviour: Behaviour { end, written } })
    }
}

/// CPU time of all children, and theirs, that were waited for.
fn children_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

/// Waits until no child is left and says how `leader` ended.
fn reap_all(leader: Pid) -> Result<End> {
    let mut end = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == leader => end = Some(End::Exit(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == leader => {
                end = Some(End::Signal(signal as i32))
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return end.context("the program was waited for by somebody else"),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Does `work`; when that takes longer than `limit`, the process group of `leader` is killed meanwhile.
fn kill_after<T>(limit: Duration, leader: Pid, work: impl FnOnce() -> T) -> T {
    let (done, waiting) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                eprintln!("killed: it ran for more than {limit:?}");
                // An error says that the group is gone already.
                let _ = killpg(leader, Signal::SIGKILL);
            }
        });
        let result = work();
        drop(done);
        result
    })
}

fn hash_of(file: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
    Ok(hasher.finish())
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A meter waits for every child of this process: tests that start any take turns.
    pub(in crate::bench) static CHILDREN: Mutex<()> = Mutex::new(());

    #[test]
    fn orphans_are_waited_for_and_counted_and_the_end_is_the_programs() {
        let _turn = CHILDREN.lock().unwrap();
        let scratch = std::env::temp_dir().join(format!("midstride-meter-{}", std::process::id()));
        fs::create_dir_all(&scratch).unwrap();
        let meter = Meter::new(&scratch, Duration::from_secs(60)).unwrap();
        let sh = |script: &str| meter.run(Command::new("sh").args(["-c", script])).unwrap();

        let idle = sh("exit 3");
        assert_eq!(idle.behaviour.end, End::Exit(3));
        let orphan = sh("(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done) & exit 3");
        assert_eq!(orphan.behaviour, idle.behaviour);
        assert!(orphan.cpu > 4 * idle.cpu, "{orphan:?} counts no more than {idle:?}");

        assert_eq!(sh("kill -9 $$").behaviour.end, End::Signal(9));
        assert_ne!(sh("echo a").behaviour, sh("echo b").behaviour);
        assert_eq!(sh("echo a >&2").behaviour, sh("echo a >&2").behaviour);

        let brief = Meter::new(&scratch, Duration::from_millis(50)).unwrap();
        assert_eq!(brief.run(Command::new("sleep").arg("60")).unwrap().behaviour.end, End::Signal(9));
        fs::remove_dir_all(&scratch).unwrap();
    }
}
