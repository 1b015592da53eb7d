//! The core crates, built where there is no standard library to fall back on.

use anyhow::Result;

use crate::project::{Package, metadata};
use crate::shell::{self, cargo};

/// Has neither an operating system nor a standard library.
pub(crate) const BARE_TARGET: &str = "x86_64-unknown-none";

/// Builds every library that does without the standard library for [`BARE_TARGET`], one at a time: together, cargo would
/// unite their features and one crate's `alloc` could hide another's need of it.
pub(crate) fn run() -> Result<()> {
    let packages = metadata()?.packages;
    for package in packages.iter().filter(|package| package.is_no_std()) {
        build(package)?;
    }
    Ok(())
}

fn build(package: &Package) -> Result<()> {
    shell::run(&mut cargo([
        "build",
        "--quiet",
        "--locked",
        "--lib",
        "--no-default-features",
        "-p",
        &package.name,
        "--target",
        BARE_TARGET,
    ]))
}
