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

/// Fills an instance. What it imports is changed only when all of it fits.
pub(crate) fn restore(instance: &Instance, state: &State, contents: Contents<'_>) -> Result<(), ThawError> {
    check_constants(instance, state)?;
    let more = missing_pages(instance, state)?;
    for (table, image) in instance.tables().iter().zip(&state.tables) {
        fill_table(instance, table, &image.elements)?;
    }
    for (index, memory) in instance.memories().iter().enumerate() {
        if index < instance.module().info().imported_memories as usize {
            clear(memory)?;
        }
        memory.grow(more[index]).ok_or(ThawError::Size)?;
        match contents {
            Contents::State => {
                // In bounds: the memory has the size that the image has.
                let mut pages = state.memories[index].pages();
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

/// How far each memory has to grow; tables are looked at too.
fn missing_pages(instance: &Instance, state: &State) -> Result<Vec<u32>, ThawError> {
    let tables = instance.tables().iter().zip(&state.tables);
    for (table, image) in tables {
        let most = table.ty().limits.max.unwrap_or(u32::MAX) as usize;
        if image.elements.len() < table.size() as usize || image.elements.len() > most {
            return Err(ThawError::Size);
        }
        image.elements.iter().try_for_each(|&value| to_bits(instance, value).map(drop))?;
    }
    let memories = instance.memories().iter().zip(&state.memories);
    let more = memories.map(|(memory, image)| image.wasm_pages().checked_sub(memory.size().into()));
    more.map(|more| more.and_then(|more| u32::try_from(more).ok()).ok_or(ThawError::Size)).collect()
}

/// Makes a memory zero: images have the pages that are not.
fn clear(memory: &Memory) -> Result<(), ThawError> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut page = ZEROS;
    for at in (0..memory.data_size() as u64).step_by(ZEROS.len()) {
        memory.read(at, &mut page).map_err(size)?;
        if page != ZEROS {
            memory.write(at, &ZEROS).map_err(size)?;
        }
    }
    Ok(())
}

/// Constants that are imported are what they were: code and segments have used them.
fn check_constants(instance: &Instance, state: &State) -> Result<(), ThawError> {
    let imported = state.globals.iter().take(instance.module().info().imported_globals as usize);
    for (global, image) in (0..).zip(imported) {
        let same = to_bits(instance, image.value)? == instance.global_at(global).bits();
        if image.mutability == Mutability::Const && !same {
            return Err(ThawError::Constant { global });
        }
    }
    Ok(())
}

/// All but constants that are imported.
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
