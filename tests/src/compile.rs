//! Compiles a program once; the result is reused while source, headers and flags are the same.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::program::{self, Program};

/// How a program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// Position independent, with the dynamic loader.
    Dynamic,
    /// At a fixed address, without a loader.
    Static,
    /// Position independent, relocating itself.
    StaticPie,
}

impl Link {
    /// Every link.
    pub const ALL: [Link; 3] = [Link::Dynamic, Link::Static, Link::StaticPie];

    /// The name used in directives and test names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Link::Dynamic => "dynamic",
            Link::Static => "static",
            Link::StaticPie => "static-pie",
        }
    }

    /// The link of that name.
    ///
    /// # Panics
    /// On any other name.
    #[must_use]
    pub fn parse(name: &str) -> Link {
        Link::ALL.into_iter().find(|link| link.name() == name).expect("dynamic, static or static-pie")
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            Link::Dynamic => &["-fPIE", "-pie"],
            Link::Static => &["-fno-pie", "-no-pie", "-static"],
            Link::StaticPie => &["-fPIE", "-static-pie"],
        }
    }
}

/// Why there is no executable.
#[derive(Debug)]
#[non_exhaustive]
pub enum CompileError {
    /// The compiler could not be started.
    NoCompiler {
        /// Its name.
        compiler: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The compiler refused.
    Refused {
        /// The source.
        source: PathBuf,
        /// What it said.
        text: String,
    },
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::NoCompiler { compiler, error } => write!(f, "cannot start {compiler}: {error}"),
            CompileError::Refused { source, text } => {
                write!(f, "{} does not compile:\n{text}", source.display())
            }
        }
    }
}

impl core::error::Error for CompileError {}

/// The executable of `program` with that link, below `target`.
///
/// # Errors
/// When there is no compiler or it refuses; nothing is left behind then.
pub fn executable(program: &Program, link: Link, target: &Path) -> Result<PathBuf, CompileError> {
    let (compiler, flags) = command_line(program, link);
    let directory = target.join("midstride-programs").join(key(program, compiler, &flags));
    let executable = directory.join(&program.name);
    if executable.exists() {
        return Ok(executable);
    }
    fs::create_dir_all(&directory).expect("the target directory is writable");
    // Built beside its place and renamed: another test may want the same program at once.
    static BUILDS: AtomicU32 = AtomicU32::new(0);
    let build = BUILDS.fetch_add(1, Ordering::Relaxed);
    let unfinished = directory.join(format!("{}.{}.{build}", program.name, std::process::id()));
    let output = Command::new(compiler)
        .args([
            "-x",
            if program.source.extension().is_some_and(|e| e == "S") {
                "assembler-with-cpp"
            } else {
                language(compiler)
            },
        ])
        .arg(&program.source)
        .args(["-x", "none"])
        .args(&flags)
        .arg("-o")
        .arg(&unfinished)
        .output()
        .map_err(|error| CompileError::NoCompiler { compiler, error })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(CompileError::Refused { source: program.source.clone(), text });
    }
    fs::rename(&unfinished, &executable).expect("a rename inside the target directory");
    Ok(executable)
}

fn language(compiler: &str) -> &'static str {
    if compiler == "g++" { "c++" } else { "c" }
}

fn command_line(program: &Program, link: Link) -> (&'static str, Vec<String>) {
    let cpp = program.source.extension().is_some_and(|extension| extension == "cpp");
    let mut flags: Vec<String> = Vec::new();
    if !program.flags.iter().any(|flag| flag.starts_with("-O")) {
        flags.push("-O1".to_owned());
    }
    flags.extend(["-g", "-Wall", "-Wno-unused-function", "-D_GNU_SOURCE"].map(str::to_owned));
    if program.raw {
        flags.extend(["-nostdlib", "-ffreestanding", "-fno-stack-protector"].map(str::to_owned));
    }
    flags.extend(link.flags().iter().map(|flag| (*flag).to_owned()));
    flags.extend(program.flags.iter().cloned());
    (if cpp { "g++" } else { "gcc" }, flags)
}

fn key(program: &Program, compiler: &str, flags: &[String]) -> String {
    let mut hasher = DefaultHasher::new();
    (compiler, flags).hash(&mut hasher);
    fs::read(&program.source).expect("a readable source").hash(&mut hasher);
    for header in headers() {
        fs::read(header).expect("a readable header").hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn headers() -> Vec<PathBuf> {
    let entries =
        fs::read_dir(program::directory()).expect("the directory of programs is part of this package");
    let mut headers: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "h"))
        .collect();
    headers.sort();
    headers
}
