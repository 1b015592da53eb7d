//! The programs that are measured.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::inputs::{Inputs, program};
use crate::shell;

/// A program with its arguments, or nothing where it is not installed.
type CommandLine = Result<Option<Vec<OsString>>>;

/// A row of the table.
pub(super) struct Workload {
    /// Its name.
    pub(super) name: &'static str,
    /// What runs.
    pub(super) what: &'static str,
    /// What is to be reached.
    pub(super) goal: Goal,
    /// Starts in each sample; more than one where a start is too short to be measured alone.
    pub(super) starts: u32,
    /// How it is called.
    pub(super) command: fn(&Inputs) -> CommandLine,
}

/// What `midtrace run` is to reach.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Goal {
    /// CPU time over native.
    Ratio(f64),
    /// Milliseconds of CPU time more than native, for each start.
    ExtraMilliseconds(f64),
    /// Nothing in particular.
    Open,
}

/// A preset of xz with a small dictionary: the usual one takes 100 MB, and what the kernel needs to find that
/// much memory varies more than what is measured.
const SMALL: &str = "--lzma2=preset=6,dict=1MiB";

/// The rows, in the order of the table.
pub(super) const WORKLOADS: [Workload; 18] = [
    row("xz", "xz of 2 MiB", Goal::Ratio(1.15), |i| compressor("xz", &["-T1", SMALL], i.corpus(2)?)),
    row("gzip", "gzip -9 of 6 MiB", Goal::Ratio(1.15), |i| compressor("gzip", &["-9"], i.corpus(6)?)),
    row("bzip2", "bzip2 -9 of 20 MiB", Goal::Ratio(1.15), |i| compressor("bzip2", &["-9"], i.corpus(20)?)),
    row("python", "objects.py", Goal::Ratio(2.0), |_| script(&["python3"], &["-I"], "objects.py", &["8000"])),
    row("perl", "regex.pl", Goal::Ratio(2.0), |_| script(&["perl"], &[], "regex.pl", &["30000"])),
    row("lua", "tables.lua", Goal::Ratio(2.0), |_| script(&["lua5.4", "lua"], &[], "tables.lua", &["4000"])),
    row("sqlite", "queries.sql in memory", Goal::Ratio(2.0), |_| sqlite()),
    row("cc1", "cc1 -O2 of 400 functions", Goal::Ratio(2.0), |i| compiler(&i.c_file(400)?)),
    row("c++", "dispatch.cc: virtual and other indirect calls", Goal::Ratio(1.6), |i| {
        compiled(i, "dispatch.cc", &["40000"])
    }),
    row("recursion", "recursion.c: Fibonacci, Ackermann, 100 000 frames", Goal::Ratio(1.6), |i| {
        compiled(i, "recursion.c", &["16"])
    }),
    row("goto-1", "gotos.c: computed gotos, one target", Goal::Open, |i| {
        compiled(i, "gotos.c", &["1", "800000000"])
    }),
    row("goto-200", "gotos.c: computed gotos, 200 targets", Goal::Open, |i| {
        compiled(i, "gotos.c", &["200", "120000000"])
    }),
    row("xz-T2", "xz -T2 of 4 MiB, two threads", Goal::Ratio(1.15), |i| {
        compressor("xz", &["-T2", "--block-size=1MiB", SMALL], i.corpus(4)?)
    }),
    row("pigz", "pigz -p2 of 8 MiB, two threads", Goal::Ratio(1.15), |i| {
        compressor("pigz", &["-9", "-p2", "-n"], i.corpus(8)?)
    }),
    row("node", "compute.js", Goal::Open, |_| script(&["node", "nodejs"], &[], "compute.js", &["400"])),
    row("openssl", "sha256 of 1 GiB", Goal::Ratio(1.15), |i| digest(&i.zeros(1024)?)),
    row("ls", "ls -lR of 100 000 files", Goal::Open, |i| installed(&["ls"], &["-lR"], &i.tree(400, 250)?)),
    Workload {
        name: "start-up",
        what: "/bin/true, 50 times",
        goal: Goal::ExtraMilliseconds(4.0),
        starts: 50,
        command: |_| Ok(elf(&["true"]).map(|program| vec![program.into()])),
    },
];

/// The rows whose geometric mean is given, as tables of other tools give it.
pub(super) const MEAN_OF: [&str; 9] =
    ["xz", "gzip", "bzip2", "python", "perl", "cc1", "sqlite", "lua", "c++"];

const fn row(
    name: &'static str,
    what: &'static str,
    goal: Goal,
    command: fn(&Inputs) -> CommandLine,
) -> Workload {
    Workload { name, what, goal, starts: 1, command }
}

/// The first of `names` in `PATH` that is machine code; version managers put scripts in front of programs.
fn elf(names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| shell::find_all(name).find(|file| is_elf(file)))
}

fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

fn installed(names: &[&str], options: &[&str], file: &Path) -> CommandLine {
    Ok(elf(names).map(|program| words(&program, options, file, &[])))
}

fn compressor(name: &str, options: &[&str], file: PathBuf) -> CommandLine {
    installed(&[name], &[options, &["-c"]].concat(), &file)
}

fn script(names: &[&str], options: &[&str], file: &str, args: &[&str]) -> CommandLine {
    Ok(elf(names).map(|interpreter| words(&interpreter, options, &program(file), args)))
}

fn compiled(inputs: &Inputs, file: &str, args: &[&str]) -> CommandLine {
    let argv =
        |program: PathBuf| std::iter::once(program.into()).chain(args.iter().map(OsString::from)).collect();
    Ok(inputs.compiled(file)?.map(argv))
}

fn sqlite() -> CommandLine {
    let read = format!(".read {}", program("queries.sql").display());
    installed(&["sqlite3"], &["-batch", ":memory:"], Path::new(&read))
}

/// The compiler proper: what `gcc` would start.
fn compiler(source: &Path) -> CommandLine {
    let cc1 = shell::find(&["gcc"]).and_then(|gcc| shell::output_of(gcc, &["-print-prog-name=cc1"]));
    let cc1 = cc1.map(PathBuf::from).filter(|path| is_elf(path));
    Ok(cc1.map(|cc1| words(&cc1, &["-quiet", "-O2"], source, &["-o", "/dev/stdout"])))
}

fn digest(file: &Path) -> CommandLine {
    installed(&["openssl"], &["dgst", "-sha256"], file)
}

fn words(program: &Path, options: &[&str], file: &Path, args: &[&str]) -> Vec<OsString> {
    let options = options.iter().map(OsString::from);
    let args = args.iter().map(OsString::from);
    let program = std::iter::once(program.as_os_str().to_owned());
    program.chain(options).chain([file.as_os_str().to_owned()]).chain(args).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_mean_is_of_rows_that_exist() {
        let names: Vec<&str> = WORKLOADS.iter().map(|workload| workload.name).collect();
        assert!(names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)));
        assert!(MEAN_OF.iter().all(|name| names.contains(name)));
    }

    #[test]
    fn a_script_in_the_path_is_not_taken_for_its_program() {
        assert!(!is_elf(Path::new(file!())));
        assert!(elf(&["true"]).is_some_and(|path| is_elf(&path)));
    }
}
