//! Where things are in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell;

/// The repository's folder: that of the xtask that cargo runs. What was known when it was built may be another
/// checkout, which shares the folder of what is built.
pub(crate) fn root() -> &'static Path {
    static XTASK: LazyLock<PathBuf> = LazyLock::new(|| {
        std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
    });
    XTASK.parent().expect("xtask lies in a folder of the workspace")
}

/// The parts of `cargo metadata` that the chores read.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    /// The workspace's packages.
    pub(crate) packages: Vec<Package>,
    /// Where cargo puts what it builds.
    pub(crate) target_directory: PathBuf,
}

/// A package of the workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Where its `Cargo.toml` lies.
    pub(crate) manifest_path: PathBuf,
    /// The registries it may be published to: none for an empty list.
    #[cfg(test)]
    publish: Option<Vec<String>>,
    /// Its README.
    #[cfg(test)]
    readme: Option<PathBuf>,
}

impl Package {
    /// The text of the library's root, or nothing where there is no library.
    fn lib_source(&self) -> Option<String> {
        fs::read_to_string(self.manifest_path.with_file_name("src").join("lib.rs")).ok()
    }

    /// Whether the library does without the standard library: always, or when its feature `std` is off.
    pub(crate) fn is_no_std(&self) -> bool {
        const MARKS: [&str; 2] = ["#![no_std]", "#![cfg_attr(not(feature = \"std\"), no_std)]"];
        let is_mark = |line: &str| MARKS.iter().any(|mark| line.starts_with(mark));
        self.lib_source().is_some_and(|source| source.lines().any(is_mark))
    }
}

/// Asks cargo what the workspace consists of.
pub(crate) fn metadata() -> Result<Metadata> {
    let output = shell::cargo(["metadata", "--no-deps", "--format-version=1"]).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "cargo metadata failed: {text}");
    serde_json::from_slice(&output.stdout).context("cargo metadata printed something unexpected")
}

/// Whether another workspace lies at `folder` of the repository (the runtime image, the fuzz targets).
pub(crate) fn has_manifest(folder: &str) -> bool {
    root().join(folder).join("Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_packages_carry_a_readme_and_both_licences() {
        let packages = metadata().expect("cargo knows the workspace").packages;
        let published: Vec<_> = packages.iter().filter(|package| package.publish.is_none()).collect();
        assert!(published.len() > 8, "{} packages", published.len());
        for package in published {
            let has = |name: &str| package.manifest_path.with_file_name(name).is_file();
            assert!(package.readme.is_some() && has("README.md"), "{}: no README.md", package.name);
            for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
                assert!(has(licence), "{}: no link to {licence}", package.name);
            }
        }
    }
}
