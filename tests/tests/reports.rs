//! What midtrace says about programs is consistent with itself and with what shells say.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use midstride_tests::compile::{self, Link};
use midstride_tests::{drcov, midtrace, program};
use serde_json::Value;

fn target() -> PathBuf {
    midtrace::target_directory(env!("CARGO_BIN_EXE_keeper"))
}

/// A clean directory of that name.
fn scratch(name: &str) -> PathBuf {
    let directory = target().join("midstride-scratch").join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("the target directory is writable");
    directory
}

fn midtrace(words: &[&str]) -> Output {
    let path = midtrace::path(&target()).expect("midtrace builds");
    Command::new(path).args(words).output().expect("midtrace starts")
}

fn count(name: &str, options: &[&str], command: &[&str]) -> Value {
    let file = scratch(name).join("report.json");
    let file = file.to_str().expect("an ASCII path");
    let words = [&["count", "--json", "-o", file], options, &["--"], command].concat();
    let output = midtrace(&words);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_str(&fs::read_to_string(file).expect("a report")).expect("valid JSON")
}

fn sum(report: &Value, list: &str, field: &str) -> u64 {
    let items = report[list].as_array().expect("a list");
    items.iter().map(|item| item[field].as_u64().expect("a number")).sum()
}

/// Instructions of each module that executed any.
fn by_name(report: &Value) -> BTreeMap<String, u64> {
    let modules = report["modules"].as_array().expect("modules");
    let name = |module: &Value| {
        let path = module["path"].as_str().expect("a path").to_owned();
        path.rsplit('/').next().expect("a last part").to_owned()
    };
    let counted =
        modules.iter().map(|module| (name(module), module["instructions"].as_u64().expect("a number")));
    counted.filter(|(_, instructions)| *instructions > 0).collect()
}

#[test]
fn modules_and_functions_sum_up_to_the_total() {
    let report = count("sums", &[], &["/bin/ls", "-la", "/usr"]);
    let total = report["total"]["instructions"].as_u64().expect("a total");
    assert!(total > 100_000, "{total}");
    assert_eq!(sum(&report, "modules", "instructions"), total);
    assert_eq!(sum(&report, "functions", "instructions"), total);
    assert_eq!(sum(&report, "modules", "blocks"), report["total"]["blocks"].as_u64().expect("blocks"));
}

#[test]
fn children_are_in_the_report() {
    let report = count("children", &[], &["/bin/sh", "-c", "/bin/ls / > /dev/null; /bin/cat /dev/null"]);
    let modules = by_name(&report);
    for name in ["ls", "cat"] {
        assert!(modules.get(name).is_some_and(|count| *count > 0), "{name} in {modules:?}");
    }
}

#[test]
fn children_that_are_not_followed_are_not_in_the_report() {
    let report =
        count("native_children", &["--no-follow-children"], &["/bin/sh", "-c", "/bin/ls / > /dev/null"]);
    let modules = by_name(&report);
    assert!(!modules.contains_key("ls"), "{modules:?}");
}

#[test]
fn only_included_modules_are_reported_and_excluded_ones_are_not() {
    let report = count("include", &["--include", "libc*"], &["/bin/ls", "/"]);
    let listed = report["modules"].as_array().expect("modules");
    assert!(listed.iter().all(|module| module["path"].as_str().is_some_and(|path| path.contains("/libc"))));
    let included = by_name(&report);
    assert!(included.keys().all(|name| name.starts_with("libc")) && !included.is_empty(), "{included:?}");
    let excluded = by_name(&count("exclude", &["--exclude", "libc*"], &["/bin/ls", "/"]));
    assert!(!excluded.keys().any(|name| name.starts_with("libc")), "{excluded:?}");
    assert!(excluded.contains_key("ls"), "{excluded:?}");
}

#[test]
fn a_small_cache_changes_no_count() {
    // The loader's work depends on where things are mapped, the program's own does not.
    let only = ["--include", "md5sum"];
    let plain = count("cache", &only, &["/usr/bin/md5sum", "/bin/sh"]);
    let small =
        count("small_cache", &[&only[..], &["--cache-size", "1M"]].concat(), &["/usr/bin/md5sum", "/bin/sh"]);
    assert_eq!(by_name(&plain), by_name(&small));
}

#[test]
fn every_table_miss_has_a_cause_in_forked_children_too() {
    let script = "(:); (/bin/ls / | /bin/cat > /dev/null); /bin/cat /dev/null";
    let report = count("misses", &["--stats"], &["/bin/sh", "-c", script]);
    let counter = |name: &str| report["counters"][name].as_u64().expect(name);
    let missed = counter("gate_return") + counter("gate_indirect");
    let explained = counter("misses_new") + counter("misses_landing") + counter("misses_dropped");
    assert!(missed > 500, "{missed}");
    assert_eq!(missed, explained);
    assert!(counter("fall_throughs") + counter("far_links") <= counter("links"));
}

#[test]
fn coverage_lies_within_the_modules_code() {
    let file = scratch("coverage").join("ls.drcov");
    let output = midtrace(&["cov", "-o", file.to_str().expect("an ASCII path"), "--", "/bin/ls", "/"]);
    assert!(output.status.success(), "{output:?}");
    let blocks = drcov::parse(&fs::read(&file).expect("a coverage file")).expect("a valid file");
    let ls = blocks.iter().find(|(path, _)| path.ends_with("/ls")).expect("ls is a module");
    let instructions = drcov::instructions(ls.0.as_ref(), ls.1).expect("its blocks are code of the file");
    assert!(instructions.len() > 1000, "{}", instructions.len());
}

#[test]
fn statuses_are_those_of_a_shell() {
    let directory = scratch("statuses");
    let path = |name: &str| directory.join(name).to_str().expect("an ASCII path").to_owned();
    fs::write(path("text"), "no program\n").expect("writable");
    for command in ["/nowhere/nothing", "/tmp", &path("text"), "/bin/true", "/bin/false"] {
        let shell = Command::new("/bin/sh").args(["-c", "\"$0\"", command]).output().expect("a shell");
        let here = midtrace(&["run", "-q", "--", command]);
        assert_eq!(here.status.code(), shell.status.code(), "{command}: {here:?}");
        let lines = String::from_utf8_lossy(&here.stderr).lines().count();
        let failed = here.status.code() >= Some(126);
        assert_eq!(lines, usize::from(failed), "{command}: {here:?}");
    }
}

#[test]
fn programs_that_want_the_gs_segment_are_refused_aloud() {
    let program = program::all().into_iter().find(|program| program.name == "m2_gs_program");
    let program = program.expect("the program exists");
    let path = compile::executable(&program, Link::Dynamic, &target()).expect("it compiles");
    for way in ["arch_prctl", "instruction"] {
        let output = midtrace(&["run", "-q", "--", path.to_str().expect("an ASCII path"), way]);
        assert_eq!(output.status.code(), Some(70), "{way}: {output:?}");
        let line = String::from_utf8_lossy(&output.stderr);
        assert!(line.starts_with("midtrace: the program sets its GS base"), "{way}: {line}");
    }
}

/// The path of one of the test programs.
fn executable(name: &str) -> String {
    let program = program::all().into_iter().find(|program| program.name == name);
    let path = compile::executable(&program.expect("the program exists"), Link::Dynamic, &target());
    path.expect("it compiles").to_str().expect("an ASCII path").to_owned()
}

/// A signal that was sent, not raised, came again and again.
#[test]
fn a_stack_pointer_into_the_engine_s_stack_of_signals_ends_aloud() {
    let path = executable("m4_engine_stack");
    for way in ["raised", "sent"] {
        let output = midtrace(&["run", "-q", "--", &path, way]);
        assert_eq!(output.status.code(), Some(70), "{way}: {output:?}");
        let line = String::from_utf8_lossy(&output.stderr);
        assert!(line.contains("on the stack of the signal handler"), "{way}: {line}");
    }
}

/// A known limit, as the engine's documentation says: the engine must hear of these signals.
#[test]
fn an_ignored_fault_that_is_sent_ends_a_call_that_is_never_restarted() {
    let path = executable("m4_ignored_faults");
    let native = Command::new(&path).arg("poll").output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&native.stdout), "ran out\n");
    let traced = midtrace(&["run", "-q", "--", &path, "poll"]);
    assert_eq!(String::from_utf8_lossy(&traced.stdout), "Interrupted system call\n");
}

#[test]
fn the_counters_of_a_killed_program_are_in_the_report() {
    let file = scratch("killed").join("report.json");
    let file = file.to_str().expect("an ASCII path");
    let output = midtrace(&[
        "run",
        "--stats",
        "--json",
        "-o",
        file,
        "--",
        "/bin/sh",
        "-c",
        "/bin/true; /bin/true; kill -KILL $$",
    ]);
    assert_eq!(output.status.signal(), Some(9), "{output:?}");
    let report: Value =
        serde_json::from_str(&fs::read_to_string(file).expect("a report")).expect("valid JSON");
    for counter in ["app_bytes", "cache_bytes", "links", "misses_new", "gate_syscall"] {
        assert!(report["counters"][counter].as_u64() > Some(100), "{counter} in {report}");
    }
}

/// What `midtrace` says on standard error, and the file it writes with `-o`.
fn file_and_stderr(name: &str, words: &[&str], command: &[&str]) -> (Option<String>, String) {
    let file = scratch(name).join("file");
    let (mode, options) = words.split_first().expect("a mode");
    let path = file.to_str().expect("an ASCII path");
    let output = midtrace(&[&[*mode, "-o", path], options, &["--"], command].concat());
    assert!(output.status.success(), "{output:?}");
    (fs::read_to_string(file).ok(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn threads_are_counted_in_every_mode() {
    let helper = program::helper("helper_threads");
    let path = compile::executable(&helper, Link::Dynamic, &target()).expect("it compiles");
    for mode in ["run", "cov", "count"] {
        let words = [mode, "--json"];
        let (file, stderr) = file_and_stderr(mode, &words, &[path.to_str().expect("an ASCII path")]);
        let text = if mode == "cov" { Some(stderr) } else { file };
        let report: Value = serde_json::from_str(&text.expect("a report")).expect("valid JSON");
        let threads = |index: usize| report["processes"][index]["threads"].as_u64();
        assert_eq!((threads(0), threads(1)), (Some(6), Some(1)), "{mode}: {report}");
    }
}

#[test]
fn a_quiet_run_writes_the_file_that_was_asked_for() {
    for mode in ["run", "count"] {
        let (file, stderr) = file_and_stderr("quiet", &[mode, "-q"], &["/bin/true"]);
        assert!(file.is_some_and(|text| text.contains("midtrace: /bin/true exited")), "{mode}");
        assert_eq!(stderr, "", "{mode}");
    }
}

#[test]
fn nothing_is_left_of_a_longer_file_in_the_same_place() {
    let file = scratch("longer").join("coverage");
    fs::write(&file, vec![0xa5; 1 << 20]).expect("a file");
    let output = midtrace(&["cov", "-q", "-o", file.to_str().expect("an ASCII path"), "--", "/bin/true"]);
    assert!(output.status.success(), "{output:?}");
    let bytes = fs::read(&file).expect("a coverage file");
    let head = bytes.windows(5).position(|window| window == b" bbs\n").expect("a count of blocks") + 5;
    let count = String::from_utf8_lossy(&bytes[..head - 5]).rsplit(' ').next().and_then(|n| n.parse().ok());
    assert_eq!(count.map(|count: usize| head + 8 * count), Some(bytes.len()));
}

#[test]
fn coverage_says_nothing_of_what_it_does_not_count() {
    let (_, report) = file_and_stderr("uncounted", &["cov", "--json"], &["/bin/ls", "/"]);
    let start = report.find('{').expect("a report");
    let report: Value = serde_json::from_str(&report[start..]).expect("valid JSON");
    let modules = report["modules"].as_array().expect("modules");
    assert!(modules.iter().all(|module| module["blocks"].as_u64() > Some(0)), "{report}");
    let parts = modules.iter().chain([&report["total"], &report["processes"][0]]);
    parts.for_each(|part| assert!(part["instructions"].is_null() && part["entered"].is_null(), "{part}"));
}

#[test]
fn chatter_says_what_the_runtime_does() {
    let script = ["/bin/sh", "-c", "(:); /bin/true"];
    let quiet = midtrace(&[&["run", "-q", "-v", "--"], &script[..]].concat());
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
    let chatty = midtrace(&[&["run", "-q", "-vv", "--torture", "--"], &script[..]].concat());
    let said = String::from_utf8_lossy(&chatty.stderr);
    for what in ["libc.so.6", "begins as a Fork", "is about to execute", "evicted 1 of"] {
        assert!(said.contains(what), "{what} in {said}");
    }
}

#[test]
fn cache_sizes_that_cannot_be_are_said_and_others_are_not() {
    for (size, said) in [("1K", true), ("64M", false), ("4G", true)] {
        let output = midtrace(&["run", "--cache-size", size, "--", "/bin/true"]);
        assert!(output.status.success(), "{size}: {output:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.contains("the code cache takes"), said, "{size}: {text}");
    }
}

#[test]
fn the_busiest_blocks_are_shown_with_their_instructions() {
    let report = count("disassembly", &["--include", "md5sum"], &["/usr/bin/md5sum", "/bin/sh"]);
    let blocks = report["top_blocks"].as_array().expect("blocks");
    assert!(blocks.len() > 5, "{report}");
    for block in blocks {
        let lines = block["disassembly"].as_array().expect("lines").len() as u64;
        assert_eq!(lines, block["insns"].as_u64().expect("a number").min(32), "{block}");
    }
    let text = report["top_blocks"].to_string();
    assert!(text.contains("mov") && !text.contains("(bad)"), "{text}");
}
