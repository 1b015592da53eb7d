//! Building kernels and engines, when they are older than what they are made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::bench::inputs::modified;
use crate::project::root;
use crate::shell::{self, cargo};

/// Builds into a folder.
pub(super) struct Builder {
    target: PathBuf,
    programs: PathBuf,
}

/// How kernels are compiled in both forms. Errors of mathematical functions are nobody's business here: without
/// them a square root is an instruction.
const FLAGS: [&str; 3] = ["-O2", "-Wall", "-fno-math-errno"];

/// With which care this project's code is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// As its tests are.
    Dev,
    /// As it is used.
    Release,
}

/// A kernel for this processor, and for the engines.
type Forms = (PathBuf, PathBuf);

impl Builder {
    /// One that builds below cargo's folder `target`.
    pub(super) fn new(target: &Path) -> Result<Self> {
        let programs = target.join("bench").join("kernels");
        fs::create_dir_all(&programs).with_context(|| format!("cannot make {}", programs.display()))?;
        Ok(Self { target: target.to_owned(), programs })
    }

    /// A kernel in one C file.
    pub(super) fn own(&self, source: &Path) -> Result<Forms> {
        let header = source.with_file_name("kernel.h");
        let newest = modified(source).max(modified(&header));
        let form = |target: &[&str], extension: &str| -> Result<PathBuf> {
            let file = self.programs.join(source.file_name().unwrap_or_default()).with_extension(extension);
            if modified(&file) <= newest {
                ensure!(shell::find(&["clang"]).is_some(), "clang is not installed");
                let mut clang = Command::new("clang");
                shell::run(clang.args(target).args(FLAGS).arg("-o").arg(&file).arg(source))?;
            }
            Ok(file)
        };
        let wasm = form(&["--target=wasm32-wasi"], "wasm")
            .context("for wasm32-wasi (Debian: clang, lld, wasi-libc, libclang-rt-dev-wasm32)")?;
        Ok((form(&[], "native")?, wasm))
    }

    /// A program that the engine's tests build too.
    pub(super) fn packed(&self, name: &str) -> Result<Forms> {
        let script = root().join("frontends/osr/tests/programs/build.sh");
        let (native, wasm) = (self.programs.join(name), self.programs.join(name).with_extension("wasm"));
        let newest = modified(&script).max(modified(&script.with_file_name(name).with_extension("c")));
        if modified(&wasm) <= newest {
            shell::run(Command::new(script).arg(&self.programs).arg(name))?;
        }
        Ok((native, wasm))
    }

    /// A folder for modules from elsewhere.
    pub(super) fn modules(&self) -> Result<PathBuf> {
        let folder = self.target.join("bench").join("modules");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// This project's engine.
    pub(super) fn midwasm(&self, profile: Profile) -> Result<PathBuf> {
        let release: &[&str] = if profile == Profile::Release { &["--release"] } else { &[] };
        let mut command = cargo(["build", "--locked", "--bin", "midwasm"]);
        shell::run(command.args(release))?;
        let folder = if profile == Profile::Release { "release" } else { "debug" };
        Ok(self.target.join(folder).join("midwasm"))
    }

    /// What runs a program in wasmtime.
    pub(super) fn wasmtime(&self) -> Result<PathBuf> {
        let target = self.target.join("wasm-peers");
        let mut command =
            cargo(["build", "--locked", "--release", "--manifest-path", "benches/wasm-peers/Cargo.toml"]);
        shell::run(command.arg("--target-dir").arg(&target))?;
        Ok(target.join("release").join("wasm-peers"))
    }
}
