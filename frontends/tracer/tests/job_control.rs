//! Signals to midtrace, and what a shell sees of a job.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use common::midtrace;

/// Starts midtrace in a process group of its own, its output piped; answers when the program has said a line.
fn start(script: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    start_with(script, || set_signals(libc::SIG_DFL))
}

/// The same with signals as `prepare` leaves them.
fn start_with(
    script: &str,
    prepare: fn() -> std::io::Result<()>,
) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut command = midtrace(&["run", "-q", "bash", "-c", script]);
    command.process_group(0).stdout(Stdio::piped());
    // SAFETY: the functions make only async-signal-safe calls.
    let mut child = unsafe { command.pre_exec(prepare) }.spawn().expect("midtrace starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    lines.read_line(&mut String::new()).expect("the program says that it runs");
    (child, lines)
}

/// What a shell ignores for its background jobs, their programs would ignore too.
fn set_signals(action: libc::sighandler_t) -> std::io::Result<()> {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: no handler is set.
        unsafe { libc::signal(signal, action) };
    }
    Ok(())
}

fn rest(mut lines: BufReader<std::process::ChildStdout>) -> String {
    let mut text = String::new();
    lines.read_to_string(&mut text).expect("text");
    text
}

fn kill(pid: i32, signal: i32) {
    // SAFETY: touches no memory.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

fn wait_until_stopped(child: &Child) {
    let mut status = 0;
    // SAFETY: the kernel writes one int.
    let pid = unsafe { libc::waitpid(child.id() as i32, &mut status, libc::WUNTRACED) };
    assert!(pid == child.id() as i32 && libc::WIFSTOPPED(status), "status {status:#x}");
}

const TRAP: &str =
    "trap 'echo got; exit 4' TERM USR1 INT HUP RTMIN+3; echo ready; while :; do sleep 0.02; done";

#[test]
fn signals_sent_to_midtrace_alone_reach_the_program() {
    // SAFETY: reads a constant of the C library.
    let realtime = unsafe { libc::__libc_current_sigrtmin() } + 3;
    for signal in [libc::SIGTERM, libc::SIGUSR1, libc::SIGHUP, libc::SIGINT, realtime] {
        let (mut child, lines) = start(TRAP);
        kill(child.id() as i32, signal);
        assert_eq!(rest(lines), "got\n", "signal {signal}");
        assert_eq!(child.wait().unwrap().code(), Some(4), "signal {signal}");
    }
}

#[test]
fn signals_that_midtrace_was_started_ignoring_reach_a_program_that_handles_them() {
    let script = "exec perl -e '$| = 1; $SIG{INT} = sub { print qq(got\n); exit 4 }; print qq(ready\n); \
                  sleep 1 while 1'";
    let (mut child, lines) = start_with(script, || set_signals(libc::SIG_IGN));
    kill(child.id() as i32, libc::SIGQUIT);
    kill(child.id() as i32, libc::SIGINT);
    assert_eq!(rest(lines), "got\n");
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

#[test]
fn a_program_killed_by_a_passed_on_signal_kills_midtrace_with_it() {
    let (mut child, _lines) = start("echo ready; exec sleep 1000");
    kill(child.id() as i32, libc::SIGTERM);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
}

#[test]
fn midtrace_stops_with_its_program_and_goes_on_with_the_group() {
    let (mut child, lines) = start("echo ready; kill -STOP $$; echo back");
    wait_until_stopped(&child);
    kill(-(child.id() as i32), libc::SIGCONT);
    assert_eq!(rest(lines), "back\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn continuing_midtrace_alone_continues_the_program() {
    let (mut child, lines) = start("echo ready; kill -STOP $$; echo back");
    wait_until_stopped(&child);
    kill(child.id() as i32, libc::SIGCONT);
    assert_eq!(rest(lines), "back\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_background_child_does_not_keep_midtrace() {
    let (mut child, _lines) = start("sleep 3 >/dev/null 2>&1 & echo ready");
    let started = std::time::Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(started.elapsed() < std::time::Duration::from_secs(2));
}

/// A terminal: what the user types, and what its programs use.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut master, mut slave) = (0, 0);
    let null = std::ptr::null_mut();
    // SAFETY: the C library writes two ints; the other pointers may be null.
    let result = unsafe { libc::openpty(&mut master, &mut slave, null, null.cast(), null.cast()) };
    assert_eq!(result, 0);
    // SAFETY: both were just opened and belong to nobody else.
    unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) }
}

/// Runs `script` in an interactive bash on a terminal, types `keys` whenever the terminal shows the text
/// before them, and answers all that was shown.
fn on_a_terminal(script: &str, keys: &[(&str, &[u8])]) -> String {
    let (master, slave) = terminal();
    let mut command = Command::new("bash");
    let runtime = common::null_runtime();
    command.args(["--norc", "--noprofile", "-i", "-c", script]).env("MIDTRACE_IMAGE", runtime).env("PS1", "");
    for stream in [Command::stdin, Command::stdout, Command::stderr] {
        stream(&mut command, slave.try_clone().unwrap());
    }
    let fd = slave.as_raw_fd();
    let control = move || {
        // SAFETY: plain system calls, allowed between fork and exec.
        let result = unsafe { libc::setsid() | libc::ioctl(fd, libc::TIOCSCTTY, 0) };
        if result < 0 { Err(std::io::Error::last_os_error()) } else { set_signals(libc::SIG_DFL) }
    };
    // SAFETY: the closure makes only async-signal-safe calls.
    let mut child = unsafe { command.pre_exec(control) }.spawn().expect("bash starts");
    drop((command, slave));
    let mut terminal = std::fs::File::from(master);
    let mut shown = String::new();
    let mut keys = keys.iter();
    let mut next = keys.next();
    let mut buffer = [0; 4096];
    // Reading fails when the last program has closed the terminal.
    while has_more(&terminal, &mut child, &shown)
        && let Ok(count) = terminal.read(&mut buffer)
    {
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if let Some((_, key)) = next.filter(|(text, _)| shown.contains(text)) {
            terminal.write_all(key).unwrap();
            next = keys.next();
        }
    }
    child.wait().unwrap();
    assert!(next.is_none(), "never shown: {next:?} in {shown:?}");
    shown.replace("\r\n", "\n")
}

/// Waits until there is something to read or everybody has gone; nothing for long is a failure.
fn has_more(terminal: &std::fs::File, child: &mut Child, shown: &str) -> bool {
    const PATIENCE_MS: i32 = 20_000;
    let mut poll = libc::pollfd { fd: terminal.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the kernel writes to the one entry.
    if unsafe { libc::poll(&mut poll, 1, PATIENCE_MS) } == 0 {
        child.kill().unwrap();
        panic!("nothing more comes: {shown:?}");
    }
    true
}

fn run_script(shell: &str, script: &str) -> String {
    format!("{} run -q {shell} -c '{script}'", env!("CARGO_BIN_EXE_midtrace"))
}

#[test]
fn control_c_reaches_the_program_once() {
    let inner = r#"n=0; trap "n=\$((n+1)); echo int \$n" INT; echo ready; for i in 1 2 3 4 5 6 7 8; do sleep 0.05; done; exit 3"#;
    let shown =
        on_a_terminal(&format!("{}; echo status $?", run_script("bash", inner)), &[("ready", b"\x03")]);
    assert!(shown.contains("int 1\n") && !shown.contains("int 2"), "{shown:?}");
    assert!(shown.contains("status 3"), "{shown:?}");
}

#[test]
fn control_backslash_kills_the_program_and_the_shell_sees_it() {
    // Not bash, which ignores this signal for itself.
    let inner = "ulimit -c 0; echo ready; exec sleep 1000";
    let shown = on_a_terminal(&format!("{}; echo status $?", run_script("sh", inner)), &[("ready", b"\x1c")]);
    assert!(shown.contains("status 131"), "{shown:?}");
}

#[test]
fn control_z_stops_the_job_and_fg_continues_it() {
    let inner = "echo ready; read x; echo got $x";
    let script = format!("{}; echo status $?; fg >/dev/null; echo status $?", run_script("bash", inner));
    let keys: [(&str, &[u8]); 2] = [("ready", b"\x1a"), ("status 148", b"word\n")];
    let shown = on_a_terminal(&script, &keys);
    assert!(shown.contains("got word\n") && shown.contains("status 0"), "{shown:?}");
}
