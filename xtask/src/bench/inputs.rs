//! What the workloads work on: made once, the same on every machine, kept between runs.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::source;
use crate::project::root;
use crate::shell;

/// A folder of input files.
pub(super) struct Inputs {
    folder: PathBuf,
}

/// Compilers of the programs in `benches/programs`, by file extension.
const COMPILERS: [(&str, &str); 2] = [("c", "cc"), ("cc", "c++")];

impl Inputs {
    /// Inputs kept in `folder`, which is made when it is not there.
    pub(super) fn new(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The first `megabytes` MiB of a text of words, numbers and now and then random bytes.
    pub(super) fn corpus(&self, megabytes: usize) -> Result<PathBuf> {
        self.made(&format!("corpus-{megabytes}"), |path| fs::write(path, corpus(megabytes << 20)))
    }

    /// A file of `megabytes` MiB of zeros, which takes no room on the disk.
    pub(super) fn zeros(&self, megabytes: u64) -> Result<PathBuf> {
        self.made(&format!("zeros-{megabytes}"), |path| File::create(path)?.set_len(megabytes << 20))
    }

    /// A C file of `functions` functions.
    pub(super) fn c_file(&self, functions: usize) -> Result<PathBuf> {
        self.made(&format!("generated-{functions}.c"), |path| fs::write(path, source::c_file(functions)))
    }

    /// A tree of `folders` folders with `files` files each, of equal age.
    pub(super) fn tree(&self, folders: usize, files: usize) -> Result<PathBuf> {
        self.made(&format!("tree-{folders}-{files}"), |path| tree(path, folders, files))
    }

    /// A program of `benches/programs`, compiled; nothing where there is no compiler.
    pub(super) fn compiled(&self, name: &str) -> Result<Option<PathBuf>> {
        let source = program(name);
        let extension = source.extension().and_then(|extension| extension.to_str());
        let compiler =
            COMPILERS.iter().find(|(known, _)| extension == Some(known)).map(|(_, compiler)| compiler);
        let compiler = compiler.with_context(|| format!("{name} is in no known language"))?;
        if shell::find(&[compiler]).is_none() {
            return Ok(None);
        }
        let binary = self.folder.join(name.replace('.', "-"));
        if modified(&binary) <= modified(&source) {
            shell::run(Command::new(compiler).arg("-O2").arg("-o").arg(&binary).arg(&source))?;
        }
        Ok(Some(binary))
    }

    /// The file called `name`, made by `make` when it is not there; half-made files never get that name.
    fn made(&self, name: &str, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if !path.exists() {
            let unfinished = self.folder.join(format!("{name}.unfinished"));
            let made = make(&unfinished).and_then(|()| fs::rename(&unfinished, &path));
            made.with_context(|| format!("cannot make {}", path.display()))?;
        }
        Ok(path)
    }
}

/// A file of `benches/programs`.
pub(super) fn program(name: &str) -> PathBuf {
    root().join("benches").join("programs").join(name)
}

/// When a file was written, if it is there.
pub(super) fn modified(path: &Path) -> Option<std::time::SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn tree(path: &Path, folders: usize, files: usize) -> std::io::Result<()> {
    for folder in 0..folders {
        let path = path.join(format!("folder-{folder:04}"));
        fs::create_dir_all(&path)?;
        for file in 0..files {
            fs::write(path.join(format!("{file}-{}.txt", folder * file % 97)), vec![b'x'; file % 5])?;
        }
    }
    Ok(())
}

/// `bytes` bytes of text that compresses about as prose and logs do.
fn corpus(bytes: usize) -> Vec<u8> {
    const SYLLABLES: [&str; 16] =
        ["ka", "to", "ri", "men", "sol", "va", "ne", "lu", "dor", "is", "pe", "qua", "th", "on", "gra", "el"];
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut text = Vec::with_capacity(bytes + 64);
    while text.len() < bytes {
        let word = next();
        let rank = (word % 2000) * (word >> 32 & 0x3ff) / 1024;
        let syllable = |shift: u32| SYLLABLES[(rank.wrapping_mul(0x9e37_79b9) >> shift & 15) as usize];
        let written = match word >> 48 & 0x3f {
            0 => writeln!(text, "."),
            1 => write!(text, "{} ", word >> 20 & 0xfffff),
            2 if word & 0x700 == 0 => text.write_all(&next().to_le_bytes()),
            _ => write!(text, "{}{}{} ", syllable(4), syllable(9), &syllable(14)[..1]),
        };
        written.expect("memory takes any bytes");
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_the_same_each_time_and_a_shorter_one_is_its_beginning() {
        let long = corpus(4096);
        assert_eq!(long.len(), 4096);
        assert_eq!(corpus(1024), long[..1024]);
    }
}
