//! Arguments, exit status, JSON.

use serde_json::Value;

use crate::midlab::{run, script};

/// Backends as they are named.
const BACKENDS: [&str; 3] = ["signal", "ptrace", "translated"];

#[test]
fn the_first_line_of_the_readme_works_with_every_backend() {
    for backend in BACKENDS {
        let done = run(&["--backend", backend, "-c", "mov eax, 7; imul eax, eax"]);
        assert!(done.out.contains("rax     0 → 31 (49)"), "{backend}: {}{}", done.out, done.err);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{backend}");
    }
}

#[test]
fn the_exit_status_tells_faults_and_errors() {
    for (args, status) in [
        (&["-c", "nop"][..], 0),
        (&["-c", "ud2"], 1),
        (&["-c", "mov [0], al", "-c", "nop"], 1),
        (&["-c", "mov eax, 1", "-c", "assert eax == 1"], 0),
        (&["-c", "assert eax == 1"], 1),
        (&["-c", "assert xmm0.f32[1] == 0", "-c", "assert zf != 1", "-c", "assert rsp > 5"], 0),
        (&["-c", "mov eax"], 2),
        (&["-c", "set nothing = 1"], 2),
        (&["-c", "run no-such-file.s"], 2),
        (&["no-such-file.s"], 2),
        (&["sum.s"], 0),
        (&["--backend", "magic"], 2),
        (&["--no-such-flag"], 2),
        (&["--help"], 0),
        (&["-c", "quit", "-c", "ud2"], 0),
    ] {
        assert_eq!(run(args).status, status, "{args:?}");
    }
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let plain = run(&["-c", "mov eax, 7"]);
    assert!(!plain.out.contains('\u{1b}'));
    let coloured = run(&["--color", "always", "-c", "mov eax, 7"]);
    assert!(coloured.out.contains("\u{1b}[36mrax"), "{}", coloured.out);
}

#[test]
fn json_has_one_object_in_each_line() {
    for backend in BACKENDS {
        let done = script(
            &["--json", "--backend", backend],
            "mov eax, 7; imul eax, eax\nmov [0], 1\nset xmm0.f32[0] = 1.5\nmem rsp 8\nregs\nmov eax, blue\n",
        );
        let events: Vec<Value> = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
        let expected = [
            "code",
            "code",
            "changed",
            "ended",
            "code",
            "unchanged",
            "fault",
            "changed",
            "memory",
            "registers",
            "error",
        ];
        assert_eq!(names, expected, "{backend}");
        assert_eq!((&events[2]["register"], &events[2]["after"]), (&"rax".into(), &"0x31".into()));
        assert_eq!(events[6]["signal"], "SIGSEGV");
        assert_eq!(events[6]["insn"], "mov [0], 1");
        assert_eq!((&events[10]["line"], &events[10]["column"]), (&1.into(), &10.into()));
        assert_eq!((done.status, done.err.as_str()), (2, ""));
    }
}

#[test]
fn system_calls_are_made_and_told() {
    for backend in BACKENDS {
        let lines =
            "text: db \"hello\\n\"\nmov eax, 1; mov edi, eax; mov esi, offset text; mov edx, 6; syscall\n";
        let done = script(&["--backend", backend], lines);
        assert!(done.out.contains("hello\n") && done.out.contains("system call 1 (0x1,"), "{}", done.out);
        let ended = script(&["--backend", backend], "mov eax, 60; mov edi, 3; syscall\nmov ebx, 4\n");
        assert!(
            ended.out.contains("status 3") && ended.out.contains("rbx     0 → 4"),
            "{}{}",
            ended.out,
            ended.err
        );
        assert_eq!(ended.status, 1);
    }
}

#[test]
fn the_backend_changes_and_the_state_stays() {
    let lines = "x: dq 0x77\nmov eax, 5; push rax\nbackend ptrace\nadd rax, [x]; add rax, [rsp]\nbackend signal\n\
                 assert rax == 0x81\nassert rsp < 0x1200ff00\nlist\n";
    let done = script(&[], lines);
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
    assert!(done.out.contains("add rax, [x]"));
}

#[test]
fn code_is_measured_without_a_trace() {
    for backend in BACKENDS {
        let done = script(
            &["--backend", backend],
            "mov eax, 5\nbench imul eax, eax; add rbx, 8\nbench .l: dec ecx; jz .l\nassert rax == 5\nassert rbx == 0\nlist\n",
        );
        assert_eq!(done.out.matches("median").count(), 2, "{}", done.out);
        assert_eq!((done.status, done.out.matches("mov eax, 5").count()), (0, 2), "{}{}", done.out, done.err);
    }
}

#[test]
fn a_line_can_go_on_in_the_next() {
    let done = script(&[], "mov ecx, 3 \\\n.loop: dec ecx \\\njnz .loop\nassert ecx == 0\n");
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
}
