//! Where the report goes.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use anstream::adapter::strip_bytes;
use anyhow::{Context, Result};
use midstride_tracer::Mode;
use midstride_tracer::report::{Summary, drcov, json, text};

use super::args::Common;

/// Whether anything is to be written after the program's end: a coverage file, or one that was asked for, always is.
pub(super) fn wanted(mode: Mode, common: &Common) -> bool {
    mode == Mode::Cov || !common.quiet || common.output.is_some()
}

/// Says an error in one line.
pub(super) fn complain(error: &anyhow::Error) {
    // Nothing can be said when nobody listens.
    drop(writeln!(io::stderr(), "midtrace: {error:#}"));
}

/// Writes the coverage file and the summary, each where the options want it.
pub(super) fn report(summary: &mut Summary, common: &Common) -> Result<()> {
    if summary.mode == Mode::Cov {
        write_coverage(summary, common)?;
    }
    match &common.output {
        Some(path) if summary.mode != Mode::Cov => {
            let text = strip_bytes(&rendered(summary, common)?).into_vec();
            write_file(path, &text)
        }
        _ if common.quiet => Ok(()),
        // The file was asked for by name: say only what was asked for, too.
        Some(_) if !common.json && !common.stats => Ok(()),
        _ => print_to_stderr(&rendered(summary, common)?),
    }
}

/// Writes it at once, so that nobody's output comes between.
fn print_to_stderr(text: &[u8]) -> Result<()> {
    match AutoStream::auto(io::stderr()).write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("standard error"),
        _ => Ok(()),
    }
}

/// The report, with colour codes.
fn rendered(summary: &Summary, common: &Common) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    if common.json {
        json::write(summary, &mut text)?
    } else {
        text::write(summary, &mut text)?
    }
    Ok(text)
}

fn write_coverage(summary: &mut Summary, common: &Common) -> Result<()> {
    let path = common.output.clone().unwrap_or_else(|| default_path(summary));
    // Eight for each block; the rest is about modules.
    let mut bytes = Vec::with_capacity(8 * summary.profile.blocks.len() + 4096);
    let written = drcov::write(&summary.profile, &mut bytes).context("cannot write coverage")?;
    write_file(&path, &bytes)?;
    summary.coverage_file = Some((path, written));
    Ok(())
}

/// Writes a file in place of what it had. It is not emptied first: file systems take that for a sign that it is
/// wanted on the disk at once.
fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
        let before = file.metadata()?;
        if before.is_file() && before.len() > bytes.len() as u64 {
            file.set_len(bytes.len() as u64)?;
        }
        file.write_all(bytes)
    };
    write().with_context(|| path.display().to_string())
}

/// `midtrace.<program>.<pid>.drcov` in the current directory.
fn default_path(summary: &Summary) -> PathBuf {
    let command = summary.command.first().map_or("", String::as_str);
    let name = command.rsplit('/').next().unwrap_or(command);
    format!("midtrace.{name}.{}.drcov", summary.outcome.pid).into()
}
