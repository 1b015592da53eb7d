//! The library: any line is an error or fine.

use arbtest::arbitrary::Unstructured;
use midstride_control::Backend;
use midstride_lab::{Error, Event, Flow, Session, Text};

/// Parts of lines. Nothing among them makes system calls or loops for ever.
const WORDS: [&str; 84] = [
    "mov",
    "add",
    "push",
    "pop",
    "lea",
    "div",
    "call",
    "ret",
    "fld",
    "vaddps",
    "movs",
    "xchg",
    "ud2",
    "int3",
    "hlt",
    "run",
    "step",
    "continue",
    "break",
    "delete",
    "set",
    "mem",
    "stack",
    "regs",
    "diff",
    "undo",
    "list",
    "reload",
    "asm",
    "dis",
    "help",
    "reset",
    "assert",
    "load",
    "sum.s",
    "x:",
    "x",
    ".l:",
    ".l",
    "eax",
    "rsp",
    "rip",
    "al",
    "xmm1",
    "xmm1.f32[1]",
    "ymm0.u8[31]",
    "zmm31",
    "k1",
    "st1",
    "zf",
    "rflags",
    "mxcsr",
    "fs_base",
    "[",
    "]",
    "[rsp]",
    "[x]",
    "[0]",
    "[rsp].u32",
    ",",
    ";",
    "=",
    "==",
    "<",
    "if",
    "as",
    "f64",
    "i128",
    "vec",
    "fpu",
    "all",
    "0",
    "1",
    "-1",
    "0xffffffffffffffff",
    "99999999999999999999",
    "2.5",
    "'a'",
    "\"",
    "db",
    "dq",
    ".code",
    "48 01 d8",
    "\\",
];

fn line(u: &mut Unstructured<'_>) -> arbtest::arbitrary::Result<String> {
    let mut line = String::new();
    for _ in 0..u.int_in_range(1..=9)? {
        line.push_str(u.choose(&WORDS)?);
        line.push_str(if u.ratio(5, 6)? { " " } else { "" });
    }
    Ok(line)
}

#[test]
fn any_line_is_carried_out_or_refused() {
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs")).unwrap();
    let check = |u: &mut Unstructured<'_>| {
        let mut session = Session::isolated().unwrap();
        for _ in 0..20 {
            let line = line(u)?;
            let mut show = |event: Event| {
                assert!(!event.to_json()["event"].is_null());
                let _ = Text(&event).to_string();
            };
            match session.execute(&line, &mut show) {
                Ok(flow) => assert_eq!(flow, Flow::Next),
                Err(error) => {
                    assert!(!error.to_string().is_empty() && error.to_json()["message"].is_string())
                }
            }
        }
        Ok(())
    };
    arbtest::arbtest(check).budget_ms(5000);
}

#[test]
fn sessions_of_one_process_do_not_meet() {
    // SAFETY: the instructions below change registers and the sessions' own memory.
    let mut sessions =
        unsafe { [Backend::Translated, Backend::Signal].map(|backend| Session::start(backend).unwrap()) };
    for (value, session) in (1..).zip(&mut sessions) {
        session.execute(&format!("mov eax, {value}; push rax"), &mut |_| ()).unwrap();
    }
    for (value, session) in (1..).zip(&mut sessions) {
        session.execute(&format!("pop rbx\nassert rbx == {value}"), &mut |_| ()).unwrap_err();
        session.execute("pop rbx", &mut |_| ()).unwrap();
        session.execute(&format!("assert rbx == {value}"), &mut |_| ()).unwrap();
    }
}

#[test]
fn an_isolated_session_stays_isolated() {
    let mut session = Session::isolated().unwrap();
    let refused = session.execute("backend signal", &mut |_| ());
    assert!(matches!(refused, Err(Error::NotIsolated { backend: Backend::Signal })), "{refused:?}");
    session.execute("mov eax, 5", &mut |_| ()).unwrap();
    session.execute("bench inc eax", &mut |_| ()).unwrap();
    session.execute("assert eax == 5", &mut |_| ()).unwrap();
    assert!(!session.ended_badly());
}
