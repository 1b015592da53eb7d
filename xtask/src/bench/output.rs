//! What the benches that make tables have in common: names of rows and columns, files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Fails when one of the `wanted` names is not `known`.
pub(super) fn check_names(wanted: &[String], known: &[&str]) -> Result<()> {
    let unknown = wanted.iter().find(|name| !known.contains(&name.as_str()));
    ensure!(
        unknown.is_none(),
        "there is no {}; there are: {}",
        unknown.map_or("", |name| name),
        known.join(", ")
    );
    Ok(())
}

/// A report in its three forms.
pub(super) struct Forms {
    /// For readers.
    pub(super) markdown: String,
    /// For programs.
    pub(super) json: String,
    /// As a picture.
    pub(super) svg: String,
}

impl Forms {
    /// Puts `NAME.md`, `NAME.json` and `NAME.svg` into each of the folders.
    pub(super) fn write(&self, name: &str, folders: &[&Path]) -> Result<()> {
        for folder in folders {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            let file = |extension: &str| folder.join(name).with_extension(extension);
            fs::write(file("md"), &self.markdown)?;
            fs::write(file("json"), &self.json)?;
            fs::write(file("svg"), &self.svg)?;
            println!("written: {}/{name}.{{md,json,svg}}", folder.display());
        }
        Ok(())
    }
}
