//! Builds the runtime image for its own target and puts it where the library embeds it.
//!
//! The inner cargo has its own target directory, so the two never wait for each other's lock, and none of
//! the outer build's flags: they are for another target.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[path = "src/inject/home.rs"]
mod home;
#[expect(unreachable_pub, reason = "the library exports the error")]
#[path = "src/inject/layout.rs"]
mod layout;

const TARGET: &str = "x86_64-unknown-none";
/// What an outer cargo (or clippy) sets for its own compilations.
const OUTER: [&str; 4] =
    ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"];
/// Sources of the runtime besides its own: the layouts it shares with the host, and the core crates.
const SOURCES: [&str; 2] = ["../tracer-abi/src", "../../crates"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let (package, name) = package(&here);
    watch(&here, &package);
    if variable("CARGO_CFG_TARGET_ENV")? == "gnu" {
        // Moving the host to a random place is a tenth of the time it takes to start.
        println!("cargo::rustc-link-arg-bin=midtrace=-no-pie");
    }
    require_target()?;
    compile(&package, &out)?;
    let image = out.join("runtime-target").join(TARGET).join("release").join(name);
    let file = std::fs::read(&image).map_err(|error| format!("{}: {error}", image.display()))?;
    embed(&file, &out).map_err(|error| format!("{}: {error}", image.display()))
}

/// Writes the image as it will lie in memory, and what the library must know of it, as Rust.
fn embed(file: &[u8], out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let base = home::PREFERRED + home::BOOT_BYTES;
    let mut image = layout::LaidOut::parse(file)?;
    layout::relocate(&mut image.bytes, &image.relocations, base);
    let layout::LaidOut { bytes, span, entry, relocations, parts } = image;
    let part = |part: &layout::Part| {
        let layout::Part { start, len, access } = part;
        format!("Part {{ start: {start}, len: {len}, access: Access::{access:?} }}")
    };
    let parts: Vec<String> = parts.iter().map(part).collect();
    let source = format!(
        "pub(super) const BASE: u64 = {base};\n\
         pub(super) const SPAN: u64 = {span};\n\
         pub(super) const ENTRY: u64 = {entry};\n\
         pub(super) static RELOCATIONS: &[u32] = &{relocations:?};\n\
         pub(super) static PARTS: &[Part] = &[{}];\n",
        parts.join(", ")
    );
    std::fs::write(out.join("runtime.elf"), file)?;
    std::fs::write(out.join("runtime.rs"), source)?;
    Ok(std::fs::write(out.join("runtime.img"), bytes)?)
}

/// The runtime; in a tree without it, the stand-in that starts programs natively.
fn package(here: &Path) -> (PathBuf, &'static str) {
    let runtime = here.join("../tracer-runtime");
    if runtime.join("src/main.rs").exists() {
        return (runtime, "midstride-tracer-runtime");
    }
    println!("cargo::warning=no tracer-runtime in this tree: midtrace will run programs natively");
    (here.join("tests/fixtures/null-runtime"), "null-runtime")
}

fn watch(here: &Path, package: &Path) {
    let own = ["src", "Cargo.toml", "Cargo.lock", "build.rs"].map(|name| package.join(name));
    let shared = SOURCES.map(|source| here.join(source));
    let ours = ["build.rs", "src/inject/home.rs", "src/inject/layout.rs"].map(|name| here.join(name));
    for path in own.iter().chain(&shared).chain(&ours).filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// Installs the target's core library where rustup can; without rustup it may be there already.
fn require_target() -> Result<(), String> {
    let installed = || {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let query = ["--target", TARGET, "--print", "target-libdir"];
        let answer = Command::new(rustc).args(query).output().ok()?;
        let path = String::from_utf8(answer.stdout).ok()?;
        Path::new(path.trim()).exists().then_some(())
    };
    if installed().is_some() {
        return Ok(());
    }
    // Its failure shows in the check behind it.
    drop(Command::new("rustup").args(["target", "add", TARGET]).status());
    installed().ok_or_else(|| {
        format!(
            "the runtime needs the {TARGET} target: `rustup target add {TARGET}`, or install rust-std for it"
        )
    })
}

fn compile(package: &Path, out: &Path) -> Result<(), String> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .args(["build", "--release", "--quiet", "--target", TARGET, "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(out.join("runtime-target"));
    for name in OUTER {
        cargo.env_remove(name);
    }
    let status = cargo.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{} does not build for {TARGET}", package.display())) }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}
