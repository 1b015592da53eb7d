//! A state's globals, tables and memories, put into a new instance.

use midstride_statemap::{Mutability, PageRun, State, Value};

use super::error::ThawError;
use super::file::ImageFile;
use super::values::to_bits;
use crate::instance::Instance;
use crate::runtime::memory::Memory;
use crate::runtime::table::Table;

/// Where the contents of memories come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Contents<'a> {
    /// The state has them.
    State,
    /// They are in a file.
    File(&'a ImageFile),
}

/// Runs of pages up to this many are mapped one by one; more are copied, since mappings are few.
const MOST_MAPPINGS: usize = 4096;

/// Fills an instance.
pub(crate) fn restore(instance: &Instance, state: &State, contents: Contents<'_>) -> Result<(), ThawError> {
    for (table, image) in instance.tables().iter().zip(&state.tables) {
        fill_table(instance, table, &image.elements)?;
    }
    for (index, (memory, image)) in instance.memories().iter().zip(&state.memories).enumerate() {
        let more = image.wasm_pages().checked_sub(memory.size().into()).ok_or(ThawError::Size)?;
        let more = u32::try_from(more).map_err(|_| ThawError::Size)?;
        memory.grow(more).ok_or(ThawError::Size)?;
        match contents {
            Contents::State => {
                // In bounds: the memory has the size that the image has.
                let mut pages = image.pages();
                pages.try_for_each(|(page, bytes)| memory.write(page * 4096, &bytes[..])).map_err(size)?;
            }
            Contents::File(file) => map_memory(memory, file, &file.head().runs[index])?,
        }
    }
    set_globals(instance, state)?;
    instance.evaluate_elements();
    state.dropped_elements.iter().for_each(|&segment| instance.drop_elements(segment));
    state.dropped_data.iter().for_each(|&segment| instance.drop_data(segment));
    Ok(())
}

/// All but constants that are imported: their values are the importer's.
fn set_globals(instance: &Instance, state: &State) -> Result<(), ThawError> {
    for (index, image) in (0..).zip(&state.globals) {
        let defined = index >= instance.module().info().imported_globals;
        if defined || image.mutability == Mutability::Var {
            instance.global_at(index).put_bits(to_bits(instance, image.value)?);
        }
    }
    Ok(())
}

fn size(_: crate::Trap) -> ThawError {
    ThawError::Size
}

fn fill_table(instance: &Instance, table: &Table, elements: &[Value]) -> Result<(), ThawError> {
    let bits = |&value| to_bits(instance, value).map(|bits| bits as u64);
    let bits: Vec<u64> = elements.iter().map(bits).collect::<Result<_, _>>()?;
    let more = (bits.len() as u32).checked_sub(table.size()).ok_or(ThawError::Size)?;
    table.grow_bits(more, 0).ok_or(ThawError::Size)?;
    bits.iter().for_each(|&bits| instance.keep_in(table, bits));
    table.write_bits(0, &bits).map_err(size)
}

/// Maps the pages of a file that lie next to each other.
fn map_memory(memory: &Memory, file: &ImageFile, runs: &[PageRun]) -> Result<(), ThawError> {
    let joined = join(runs);
    for &(start, bytes, at) in &joined {
        if joined.len() <= MOST_MAPPINGS {
            memory.map(start, bytes, file.fd(), at)?;
        } else {
            let pages = file.bytes().get(at as usize..(at + bytes) as usize);
            memory.write(start, pages.unwrap_or_default()).map_err(size)?;
        }
    }
    Ok(())
}

/// Offset in the memory, bytes, offset in the file.
fn join(runs: &[PageRun]) -> Vec<(u64, u64, u64)> {
    let mut joined: Vec<(u64, u64, u64)> = Vec::new();
    for run in runs {
        let (start, bytes) = (run.range.first * 4096, run.range.bytes());
        match joined.last_mut() {
            Some(last) if (last.0 + last.1, last.2 + last.1) == (start, run.file_offset) => last.1 += bytes,
            _ => joined.push((start, bytes, run.file_offset)),
        }
    }
    joined
}
