//! Records written to the slot.

use core::sync::atomic::Ordering;

use midstride_tracer_abi as abi;
use midstride_tracer_abi::{Block, Module, Partial};

use crate::channel::{Channel, claim};

/// Writes one record of a table in the slot.
fn write<T>(channel: &Channel, table_at: u64, index: u32, record: T) -> bool {
    let offset = table_at + u64::from(index) * size_of::<T>() as u64;
    let Some(address) = channel.at(offset, size_of::<T>() as u64) else { return false };
    let at = core::ptr::with_exposed_provenance_mut::<T>(address as usize);
    // SAFETY: inside the mapped slot by `at`; tables are aligned to their records; the engine's lock
    // makes this the only writer.
    unsafe { at.write(record) };
    true
}

/// The number the next block will have.
pub(crate) fn next_block(channel: &Channel) -> u32 {
    channel.header().map_or(0, |header| header.blocks.load(Ordering::Relaxed))
}

/// Adds a block.
pub(crate) fn block(channel: &Channel, block: Block) {
    let Some(header) = channel.header() else { return };
    let written = claim(&header.blocks, abi::BLOCKS_MAX)
        .is_some_and(|index| write(channel, abi::BLOCKS_AT, index, block));
    let count = if written { &header.blocks } else { &header.lost };
    // ORDERING: release, so that the host sees the record once it sees the count.
    count.fetch_add(1, Ordering::Release);
}

/// Adds a block cut short.
pub(crate) fn partial(channel: &Channel, partial: Partial) {
    let Some(header) = channel.header() else { return };
    let written = claim(&header.partials, abi::PARTIALS_MAX)
        .is_some_and(|index| write(channel, abi::PARTIALS_AT, index, partial));
    let count = if written { &header.partials } else { &header.lost };
    count.fetch_add(1, Ordering::Release);
}

/// Adds a module with its path.
pub(crate) fn module(channel: &Channel, start: u64, end: u64, file_offset: u64, path: &[u8]) {
    let Some(header) = channel.header() else { return };
    let (path_at, path_len) = add_path(channel, path).unwrap_or((0, 0));
    let since_block = header.blocks.load(Ordering::Relaxed);
    let until_block = u32::MAX;
    let record =
        Module { start, end, file_offset, path_at, path_len, since_block, until_block, reserved: [0; 3] };
    let written = claim(&header.modules, abi::MODULES_MAX)
        .is_some_and(|index| write(channel, abi::MODULES_AT, index, record));
    let count = if written { &header.modules } else { &header.lost };
    count.fetch_add(1, Ordering::Release);
}

fn add_path(channel: &Channel, path: &[u8]) -> Option<(u32, u32)> {
    let header = channel.header()?;
    let at = header.path_bytes.load(Ordering::Relaxed);
    let end = at.checked_add(path.len() as u32)?;
    if u64::from(end) > abi::PATHS_BYTES {
        return None;
    }
    for (index, byte) in path.iter().enumerate() {
        write(channel, abi::PATHS_AT, at + index as u32, *byte);
    }
    header.path_bytes.store(end, Ordering::Release);
    Some((at, path.len() as u32))
}

/// The modules in `start..end` are gone from now on.
pub(crate) fn unmapped(channel: &Channel, start: u64, end: u64) {
    let Some(header) = channel.header() else { return };
    let now = header.blocks.load(Ordering::Relaxed);
    let first = header.inherited_modules.load(Ordering::Relaxed);
    for index in first..header.modules.load(Ordering::Relaxed) {
        let offset = abi::MODULES_AT + u64::from(index) * size_of::<Module>() as u64;
        let Some(address) = channel.at(offset, size_of::<Module>() as u64) else { return };
        let module = core::ptr::with_exposed_provenance_mut::<Module>(address as usize);
        // SAFETY: a record that `module` wrote; the engine's lock makes this the only writer.
        let module = unsafe { &mut *module };
        if module.start >= start && module.end <= end && module.until_block == u32::MAX {
            module.until_block = now;
        }
    }
}
