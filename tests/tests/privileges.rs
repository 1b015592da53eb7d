//! Who may be traced, and where: other users, files that give privileges, namespaces.
//!
//! Most of it needs root, to become somebody else; otherwise the tests say that they were not run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use midstride_tests::{midtrace, needs};

const NOBODY: u32 = 65534;
const DAEMON: u32 = 1;

fn is_root(test: &str) -> bool {
    let missing = needs::missing_feature(&["root".to_owned()]).is_some();
    if missing {
        eprintln!("NOT RUN: {test} needs root");
    }
    !missing
}

/// A directory that everybody can read, with midtrace in it; gone when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("midstride-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory for the test");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        let target = midtrace::target_directory(env!("CARGO_BIN_EXE_keeper"));
        let place = Self(path);
        place.copy(midtrace::path(&target).expect("midtrace builds"), "midtrace", 0, 0o755);
        place
    }

    /// Copies `program`; the copy belongs to root and `group` and has this mode.
    fn copy(&self, program: &Path, name: &str, group: u32, mode: u32) {
        let to = self.0.join(name);
        fs::copy(program, &to).expect("a program to copy");
        chown(&to, Some(0), Some(group)).expect("root may");
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).expect("ours");
    }

    /// `words` as nobody, by midtrace or natively.
    fn run_as_nobody(&self, words: &[&str]) -> Output {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(&self.0).uid(NOBODY).gid(NOBODY).env("PATH", "/usr/bin:/bin");
        command.output().expect("it starts")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn files_that_give_privileges_give_them_and_it_is_said() {
    if !is_root("files_that_give_privileges_give_them_and_it_is_said") {
        return;
    }
    let place = Place::new("privileges");
    let id = Path::new("/usr/bin/id");
    place.copy(id, "user", 0, 0o4755);
    place.copy(id, "group", DAEMON, 0o2755);
    for name in ["./user", "./group"] {
        for words in [&[name][..], &["sh", "-c", &format!("{name}; exit 3")]] {
            let native = place.run_as_nobody(words);
            let traced = place.run_as_nobody(&[&["./midtrace", "run", "--"], words].concat());
            assert_eq!(text(&traced.stdout), text(&native.stdout), "{words:?}");
            assert_eq!(traced.status.code(), native.status.code(), "{words:?}");
            let said = text(&traced.stderr);
            assert_eq!(said.matches("gains privileges from its file").count(), 1, "{said}");
        }
    }
}

#[test]
fn a_file_that_may_not_be_read_runs_natively_and_it_is_said() {
    if !is_root("a_file_that_may_not_be_read_runs_natively_and_it_is_said") {
        return;
    }
    let place = Place::new("unreadable");
    place.copy(Path::new("/bin/echo"), "unreadable", 0, 0o711);
    for words in [&["./unreadable", "x"][..], &["sh", "-c", "./unreadable x; exit 0"]] {
        let traced = place.run_as_nobody(&[&["./midtrace", "run", "--"], words].concat());
        assert_eq!((traced.status.code(), text(&traced.stdout).as_str()), (Some(0), "x\n"));
        assert!(text(&traced.stderr).contains("it ran natively"), "{}", text(&traced.stderr));
    }
}

/// Runs `unshare` with these words and ours, by midtrace; answers the output and the report.
fn unshared(words: &[&str]) -> Option<(Output, serde_json::Value)> {
    const WORK: [&str; 3] = ["sh", "-c", "echo $$; /usr/bin/wc -l < /dev/null; (exit 3)"];
    let works =
        Command::new("unshare").args(words).arg("true").output().is_ok_and(|out| out.status.success());
    if !works {
        eprintln!("NOT RUN: unshare {words:?} is not possible here");
        return None;
    }
    let target = midtrace::target_directory(env!("CARGO_BIN_EXE_keeper"));
    let mut command = Command::new(midtrace::path(&target).expect("midtrace builds"));
    let output = command.args(["count", "--json", "--", "unshare"]).args(words).args(WORK).output();
    let output = output.expect("midtrace starts");
    let report = serde_json::from_slice(&output.stderr).expect("only a report");
    Some((output, report))
}

#[test]
fn programs_in_other_namespaces_are_followed() {
    for words in [&["-p", "-f"][..], &["-p", "-f", "--mount-proc"], &["-U", "-r", "-p", "-f"]] {
        let Some((output, report)) = unshared(words) else { continue };
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(3), "1\n0\n"), "{words:?}");
        let modules = report["modules"].as_array().expect("modules");
        let has_run = modules.iter().any(|module| {
            module["path"].as_str().is_some_and(|path| path.ends_with("/wc"))
                && module["instructions"].as_u64() > Some(0)
        });
        assert!(has_run, "{words:?}: {report}");
        assert_eq!(report["notes"].as_array().map(Vec::len), Some(0), "{words:?}: {}", report["notes"]);
        let processes = report["processes"].as_array().expect("processes");
        let ends: Vec<_> = processes.iter().map(|process| process["end"].as_str()).collect();
        assert!(ends.iter().all(|end| matches!(end, Some("exited" | "execed"))), "{words:?}: {ends:?}");
    }
}

#[test]
fn a_proc_of_another_pid_namespace_is_refused_aloud() {
    let target = midtrace::target_directory(env!("CARGO_BIN_EXE_keeper"));
    let path = midtrace::path(&target).expect("midtrace builds");
    if !Command::new("unshare").args(["-p", "-f", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("NOT RUN: a pid namespace is not possible here");
        return;
    }
    let output = Command::new("unshare").args(["-p", "-f"]).arg(path).args(["run", "true"]).output();
    let output = output.expect("unshare starts");
    assert_eq!(output.status.code(), Some(126));
    assert!(text(&output.stderr).starts_with("midtrace: /proc is "), "{}", text(&output.stderr));
}

#[test]
fn programs_start_where_there_is_no_null_device() {
    const HIDE_DEVICES: &str = "mount -t tmpfs none /dev && exec \"$0\" \"$@\"";
    let target = midtrace::target_directory(env!("CARGO_BIN_EXE_keeper"));
    let path = midtrace::path(&target).expect("midtrace builds");
    let hidden = || {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", HIDE_DEVICES]);
        command
    };
    if !hidden().arg("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("NOT RUN: a mount namespace is not possible here");
        return;
    }
    let output = hidden().arg(path).args(["run", "-q", "--", "sh", "-c", "echo /dev/*; exit 3"]).output();
    let output = output.expect("unshare starts");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), ("/dev/*\n", ""));
}
