//! The prompt, on a terminal of its own.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

use crate::midlab::midlab;

/// Milliseconds that nothing takes, on the busiest machine.
const LONG: u64 = 60_000;

fn prompt(args: &[&str], state: &std::path::Path) -> PtySession {
    let mut command: Command = midlab();
    command.args(args).env("TERM", "xterm").env("XDG_STATE_HOME", state);
    let mut session = spawn_command(command, Some(LONG)).unwrap();
    ready(&mut session);
    session
}

/// Waits until the line editor has the terminal; what is typed before may be thrown away.
fn ready(session: &mut PtySession) {
    session.exp_string("\u{1b}[?2004h").unwrap();
    session.exp_string("midlab> ").unwrap();
}

fn state(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("midlab-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn lines_are_run_completed_and_remembered() {
    let state = state("history");
    let mut first = prompt(&[], &state);
    first.send_line("mov eax, 0x77").unwrap();
    first.exp_string("0x77").unwrap();
    first.exp_string("77 (119)").unwrap();
    ready(&mut first);
    first.send("vfmadd231p\t\t").unwrap();
    first.flush().unwrap();
    first.exp_string("vfmadd231ps").unwrap();
    first.send_control('c').unwrap();
    ready(&mut first);
    first.send_line("relo\t").unwrap();
    first.exp_string("there is nothing to reload").unwrap();
    ready(&mut first);
    first.send_line("quit").unwrap();
    first.exp_eof().unwrap();
    // The same lines again, with the keys for up.
    let mut second = prompt(&[], &state);
    second.send("\u{1b}[A\u{1b}[A\u{1b}[A\r").unwrap();
    second.flush().unwrap();
    second.exp_string("77 (119)").unwrap();
    ready(&mut second);
    second.send_control('d').unwrap();
    second.exp_eof().unwrap();
    std::fs::remove_dir_all(state).unwrap();
}

#[test]
fn an_endless_loop_is_interrupted_and_shown() {
    let state = state("interrupt");
    for backend in ["translated", "signal", "ptrace"] {
        let mut session = prompt(&["--backend", backend], &state);
        session.send_line("xor eax, eax; .l: inc rax; jmp .l").unwrap();
        session.exp_string("(2 bytes)").unwrap();
        session.exp_string("jmp .l").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        session.send_control('c').unwrap();
        session.exp_string("interrupted").unwrap();
        ready(&mut session);
        session.send_line("set rip = .l").unwrap();
        session.exp_string("inc rax").unwrap();
        ready(&mut session);
        session.send_line("mov ebx, 5").unwrap();
        session.exp_string("rbx").unwrap();
        ready(&mut session);
        session.send_line("quit").unwrap();
        session.exp_eof().unwrap();
    }
    std::fs::remove_dir_all(state).unwrap();
}
