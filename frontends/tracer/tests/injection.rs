//! Injection by itself: with a runtime that does nothing, programs behave exactly as natively.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use common::{assert_same, compile, done, fresh_directory, midtrace, native, scratch};

#[test]
fn dynamic_programs_run_as_natively() {
    assert_same(&["/bin/true"]);
    assert_same(&["/bin/false"]);
    assert_same(&["ls", "-la", "/usr"]);
    assert_same(&["sh", "-c", "echo out; echo err >&2; exit 7"]);
}

#[test]
fn the_runtime_is_really_there() {
    let maps = done(midtrace(&["run", "-q", "cat", "/proc/self/maps"])).stdout;
    assert!(maps.contains("68000000-"), "{maps}");
    assert!(maps.contains("/memfd:midtrace"), "{maps}");
    for line in maps.lines() {
        let permissions = line.split(' ').nth(1).unwrap_or_default();
        assert!(!permissions.starts_with("rwx"), "writable and executable: {line}");
    }
}

#[test]
fn the_built_in_runtime_is_mapped_from_the_hosts_own_file() {
    let mut traced = midtrace(&["run", "-q", "cat", "/proc/self/maps"]);
    traced.env_remove("MIDTRACE_IMAGE");
    let maps = done(traced).stdout;
    let host = format!(" {}", fs::canonicalize(env!("CARGO_BIN_EXE_midtrace")).unwrap().display());
    let mapped: Vec<&str> = maps.lines().filter(|line| line.ends_with(&host)).collect();
    assert!(mapped.iter().any(|line| line.starts_with("68040000-") && line.contains(" r--p ")), "{maps}");
    assert!(mapped.iter().any(|line| line.contains(" r-xp ")), "{maps}");
}

#[test]
fn a_process_that_sees_other_files_gets_a_copy() {
    let Ok(unshared) = Command::new("unshare").args(["-m", "true"]).status() else { return };
    if !unshared.success() {
        eprintln!("NOT RUN: making a mount namespace needs a privilege");
        return;
    }
    // Without the host's `/proc` it cannot find the host's program, nor open the channel by its path.
    let script = "mount -t tmpfs none /proc && exec /bin/echo hidden";
    let traced = done(midtrace(&["run", "-q", "-v", "unshare", "-m", "sh", "-c", script]));
    assert_eq!((traced.status, traced.stdout.as_str()), (Some(0), "hidden\n"), "{}", traced.stderr);
}

#[test]
fn static_and_position_independent_programs_run_as_natively() {
    let kinds: [(&str, &[&str]); 4] = [
        ("hello-pie", &["-pie", "-fPIE"]),
        ("hello-no-pie", &["-no-pie", "-fno-pie"]),
        ("hello-static", &["-static"]),
        ("hello-static-pie", &["-static-pie", "-fPIE"]),
    ];
    for (name, flags) in kinds {
        let program = compile("hello.c", name, flags);
        assert_same(&[program.to_str().unwrap(), "one", "two words"]);
    }
}

#[test]
fn a_program_where_the_runtime_would_go_pushes_it_elsewhere() {
    let program = compile("hello.c", "hello-at-1744M", &["-static", "-Wl,-Ttext-segment=0x68000000"]);
    assert_same(&[program.to_str().unwrap(), "x"]);
}

#[test]
fn scripts_run_as_natively() {
    let directory = fresh_directory("scripts");
    let script = directory.join("script");
    fs::write(&script, "#!/bin/sh\necho \"$0 $# $1\"\nexit 3\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    assert_same(&[script.to_str().unwrap(), "argument"]);
}

#[test]
fn inherited_state_is_the_programs_own() {
    let program = compile("state.c", "state", &[]);
    assert_same(&[program.to_str().unwrap()]);
}

#[test]
fn closed_descriptors_ignored_and_blocked_signals_and_limits_are_inherited() {
    let program = compile("state.c", "state-inherits", &[]);
    let program = program.to_str().unwrap();
    let prepare = || {
        // SAFETY: plain system calls on locals, allowed between fork and exec.
        unsafe {
            libc::signal(libc::SIGTRAP, libc::SIG_IGN);
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut set, libc::SIGTRAP);
            libc::sigaddset(&mut set, libc::SIGCHLD);
            libc::sigaddset(&mut set, libc::SIGUSR1);
            libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            libc::close(0);
            libc::close(2);
            libc::dup2(1, 77);
            let limit = libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 40 };
            libc::setrlimit(libc::RLIMIT_FSIZE, &limit);
        }
        Ok(())
    };
    let mut traced = midtrace(&["run", "-q", program]);
    let mut plain = native(&[program]);
    // SAFETY: the closure makes only async-signal-safe calls.
    unsafe { traced.pre_exec(prepare) };
    // SAFETY: as above.
    unsafe { plain.pre_exec(prepare) };
    assert_eq!(done(traced), done(plain));
}

#[test]
fn death_by_signal_is_passed_on() {
    for signal in ["KILL", "SEGV", "TERM", "INT", "HUP", "ABRT", "USR1", "TRAP", "RTMIN"] {
        let command = format!("kill -{signal} $$");
        assert_same(&["bash", "-c", &command]);
    }
}

#[test]
fn a_chain_of_execs_ends_where_it_should() {
    assert_same(&["sh", "-c", "exec env A=1 sh -c 'exec sh -c \"echo $A; exit 9\"'"]);
}

#[test]
fn a_32_bit_program_runs_natively_and_is_told() {
    let source = format!("{}/tests/programs/exit32.s", env!("CARGO_MANIFEST_DIR"));
    let program = scratch().join("exit32");
    let built =
        Command::new("cc").args(["-m32", "-nostdlib", "-static", "-o"]).arg(&program).arg(source).status();
    let runs = built.is_ok_and(|status| status.success()) && Command::new(&program).status().is_ok();
    if !runs {
        eprintln!("NOT RUN: this machine makes or runs no 32-bit programs");
        return;
    }
    let traced = done(midtrace(&["run", "-q", "-v", program.to_str().unwrap()]));
    assert_eq!(traced.status, Some(5));
    assert!(traced.stderr.contains("it is a 32-bit program; it ran natively"), "{}", traced.stderr);
}

#[test]
fn a_setuid_program_keeps_its_privileges_and_is_told() {
    let directory = fresh_directory("setuid");
    let program = directory.join("id");
    fs::copy("/usr/bin/id", &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let program = program.to_str().unwrap();
    let as_nobody = |mut command: Command| {
        command.uid(65534).gid(65534).current_dir("/");
        command.output().ok().map(common::Done::from)
    };
    let Some(plain) = as_nobody(native(&[program, "-u"])).filter(|done| done.stdout == "0\n") else {
        eprintln!("NOT RUN: making a setuid program that works needs root and a file system that allows it");
        return;
    };
    let traced = as_nobody(midtrace(&["run", "-q", "-v", program, "-u"])).unwrap();
    assert_eq!((traced.status, &traced.stdout), (plain.status, &plain.stdout));
    assert!(traced.stderr.contains("gains privileges"), "{}", traced.stderr);
}
