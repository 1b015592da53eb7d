//! Checkpoints: images in a directory, numbered.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use midstride_osr::{Frozen, ImageFile, Saving};

const PREFIX: &str = "checkpoint-";
const SUFFIX: &str = ".image";
/// So many are kept, so that there is a whole one whatever happens to the newest.
const KEPT: usize = 2;

/// Where checkpoints go.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    directory: PathBuf,
    next: u64,
    saving: Option<Saving>,
}

/// Checkpoints in a directory, the oldest first.
fn list(directory: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        found.extend(number.and_then(|number| number.parse().ok()).map(|number| (number, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// Removes what programs that were killed have left.
fn remove_unfinished(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "part") {
            // Its writer may just have finished it.
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

/// The newest checkpoint that is whole.
pub(crate) fn newest(directory: &Path) -> Result<ImageFile> {
    let mut reasons = String::new();
    for (_, path) in list(directory)?.into_iter().rev() {
        let reason = match ImageFile::open(&path) {
            Ok(file) => match file.verify() {
                Ok(()) => return Ok(file),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        reasons += &format!("\n  {}: {reason}", path.display());
    }
    Err(anyhow!("{} has no whole checkpoint{reasons}", directory.display()))
}

impl Checkpoints {
    /// Goes on behind those that are there.
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        remove_unfinished(directory)?;
        let next = list(directory)?.last().map_or(0, |(number, _)| number + 1);
        Ok(Self { directory: directory.to_owned(), next, saving: None })
    }

    /// Starts to write one, unless the one before is still being written.
    pub(crate) fn save(&mut self, frozen: &Frozen) -> Result<()> {
        if let Some(saving) = self.saving.take_if(|saving| saving.is_done()) {
            saving.wait().with_context(|| self.directory.display().to_string())?;
            self.forget_old()?;
        }
        if self.saving.is_none() {
            let path = self.directory.join(format!("{PREFIX}{:010}{SUFFIX}", self.next));
            self.saving = Some(frozen.save_in_background(&path)?);
            self.next += 1;
        }
        Ok(())
    }

    fn forget_old(&self) -> Result<()> {
        let found = list(&self.directory)?;
        for (_, path) in &found[..found.len().saturating_sub(KEPT)] {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}
