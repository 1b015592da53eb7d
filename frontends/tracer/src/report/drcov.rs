//! Writing coverage in DynamoRIO's drcov format, which Lighthouse, Cartographer, Binary Ninja and others
//! load.
//!
//! ```text
//! DRCOV VERSION: 2
//! DRCOV FLAVOR: midtrace
//! Module Table: version 4, count N
//! Columns: id, containing_id, start, end, entry, offset, path
//!  0, 0, 0x0000000000400000, 0x0000000000452000, 0x0000000000001000, 0x0000000000000000, /usr/bin/ls
//! BB Table: M bbs
//! M × { start: u32 from the module's start, size: u16, module id: u16 }, little-endian
//! ```
//!
//! Version 2 with a table of version 4 because most readers know it: in version 3 a block's start counts
//! from its segment instead of its module. Each module has one entry that spans all its segments. A block
//! larger than 65535 bytes is written as several.

use std::io::{self, Write};

use super::modules::Module;
use super::profile::{Block, Profile};

/// The largest size a record holds.
const LARGEST_RECORD: u64 = u16::MAX as u64;
/// DynamoRIO's id for blocks without a module, so no module may have it.
const NO_MODULE: usize = u16::MAX as usize;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Block records.
    pub records: u64,
    /// Blocks the format has no room for: beyond 65535 modules, or 4 GiB from their module's start.
    pub left_out: u64,
}

struct Record {
    start: u32,
    size: u16,
    module: u16,
}

impl Record {
    /// As in the file.
    fn bytes(&self) -> [u8; 8] {
        (u64::from(self.start) | u64::from(self.size) << 32 | u64::from(self.module) << 48).to_le_bytes()
    }
}

/// Writes the blocks of `profile` that were executed at least in part.
///
/// # Errors
/// Those of `out`.
pub fn write(profile: &Profile, out: &mut impl Write) -> io::Result<Written> {
    let mut written = Written::default();
    for block in &profile.blocks {
        let records = split(block).count() as u64;
        written.records += records;
        written.left_out += u64::from(records == 0 && block.executed_bytes != 0);
    }
    write_header(&profile.modules[..profile.modules.len().min(NO_MODULE)], out)?;
    writeln!(out, "BB Table: {} bbs", written.records)?;
    for record in profile.blocks.iter().flat_map(split) {
        out.write_all(&record.bytes())?;
    }
    Ok(written)
}

fn write_header(modules: &[Module], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "DRCOV VERSION: 2")?;
    writeln!(out, "DRCOV FLAVOR: midtrace")?;
    writeln!(out, "Module Table: version 4, count {}", modules.len())?;
    writeln!(out, "Columns: id, containing_id, start, end, entry, offset, path")?;
    for (id, module) in modules.iter().enumerate() {
        let (start, end) = (module.base, module.base.wrapping_add(module.span));
        write!(out, "{id:3}, {id:3}, {start:#018x}, {end:#018x}, {:#018x}, {:#018x}, ", module.entry, 0)?;
        // A line break in a path would end the record.
        writeln!(out, "{}", module.path.to_string_lossy().replace(['\n', '\r'], "?"))?;
    }
    Ok(())
}

fn split(block: &Block) -> impl Iterator<Item = Record> {
    let (offset, end) = (block.offset, block.offset.saturating_add(block.executed_bytes.into()));
    let module = u16::try_from(block.module.index()).ok().filter(|&id| usize::from(id) < NO_MODULE);
    let fits = u32::try_from(end).is_ok();
    let starts = (offset..end).step_by(LARGEST_RECORD as usize);
    starts.filter_map(move |start| {
        let module = module.filter(|_| fits)?;
        let size = (end - start).min(LARGEST_RECORD) as u16;
        Some(Record { start: start as u32, size, module })
    })
}
