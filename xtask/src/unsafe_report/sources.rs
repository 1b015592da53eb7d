//! The source files that the report is about.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::count::Counts;
use crate::project::root;

/// Folders of packages.
const GROUPS: [&str; 2] = ["crates", "frontends"];

/// A source file.
pub(super) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn read(path: PathBuf) -> Result<Self> {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { path, text })
    }

    /// Its unsafe code.
    pub(super) fn counts(&self) -> Result<Counts> {
        Counts::of(&self.text).with_context(|| self.name())
    }

    /// Its path from the repository's folder.
    pub(super) fn name(&self) -> String {
        self.path.strip_prefix(root()).unwrap_or(&self.path).display().to_string()
    }

    /// What the module says it is.
    pub(super) fn first_sentence(&self) -> String {
        let words = self.text.lines().map_while(|line| line.strip_prefix("//!"));
        let text: String = words.take_while(|line| !line.trim().is_empty()).collect();
        let text = text.trim().split_once(". ").map_or(text.trim(), |(sentence, _)| sentence);
        text.trim_end_matches('.').replace('|', "\\|")
    }
}

/// All source files of the packages, tests left out, in the order of their paths.
pub(super) fn all() -> Result<Vec<Source>> {
    let mut files = Vec::new();
    for package in packages()? {
        collect(&package.join("src"), &mut files)?;
    }
    files.into_iter().map(Source::read).collect()
}

/// The names of the packages whose library forbids unsafe code.
pub(super) fn forbidding() -> Result<Vec<String>> {
    let forbids = |folder: &PathBuf| {
        let source = fs::read_to_string(folder.join("src").join("lib.rs")).unwrap_or_default();
        source.lines().any(|line| line.starts_with("#![forbid(unsafe_code)]"))
    };
    let name = |folder: PathBuf| folder.file_name().map(|name| format!("`{}`", name.display()));
    Ok(packages()?.into_iter().filter(forbids).filter_map(name).collect())
}

fn packages() -> Result<Vec<PathBuf>> {
    let mut packages = Vec::new();
    for group in GROUPS {
        packages.extend(sorted(&root().join(group))?);
    }
    Ok(packages)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for path in sorted(folder)? {
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            files.push(path);
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}
