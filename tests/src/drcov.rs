//! Reads coverage files in the drcov format, version 2, as midtrace writes them.
//!
//! Written from the format's description alone, so that it shares no mistake with the writer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::decode;
use crate::elf::Image;

/// The blocks of each file: offset from its first mapping, and bytes.
pub type Blocks = BTreeMap<String, BTreeSet<(u64, u64)>>;

/// Parses a coverage file.
///
/// # Errors
/// A text that says where it is not what it should be.
pub fn parse(file: &[u8]) -> Result<Blocks, String> {
    let table = find(file, b"BB Table: ").ok_or("there is no block table")?;
    let head = std::str::from_utf8(&file[..table]).map_err(|error| error.to_string())?;
    let mut lines = head.lines();
    if lines.next() != Some("DRCOV VERSION: 2") {
        return Err("the first line is not the version".to_owned());
    }
    let columns = lines.find_map(|line| line.strip_prefix("Columns: ")).ok_or("there are no columns")?;
    let paths: Vec<&str> = lines.map(|line| path(columns, line)).collect::<Result<_, _>>()?;
    records(&file[table..], &paths)
}

/// The path is the last column and may hold commas itself.
fn path<'a>(columns: &str, line: &'a str) -> Result<&'a str, String> {
    let count = columns.split(',').count();
    line.splitn(count, ',').last().map(str::trim).ok_or_else(|| format!("a module without path: {line}"))
}

fn records(file: &[u8], paths: &[&str]) -> Result<Blocks, String> {
    let end = find(file, b"\n").ok_or("the block table has no first line")?;
    let line = std::str::from_utf8(&file[..end]).map_err(|error| error.to_string())?;
    let count: usize =
        line.split(' ').nth(2).and_then(|text| text.parse().ok()).ok_or("no number of blocks")?;
    let body = &file[end + 1..];
    if body.len() != count * 8 {
        return Err(format!("{count} blocks, but {} bytes", body.len()));
    }
    let mut blocks = Blocks::new();
    for record in body.chunks_exact(8) {
        let half = |at: usize| u16::from_le_bytes([record[at], record[at + 1]]);
        let start = u64::from(half(0)) | u64::from(half(2)) << 16;
        let path = paths.get(usize::from(half(6))).ok_or("a block of an unknown module")?;
        blocks.entry((*path).to_owned()).or_default().insert((start, u64::from(half(4))));
    }
    Ok(blocks)
}

fn find(file: &[u8], what: &[u8]) -> Option<usize> {
    file.windows(what.len()).position(|window| window == what)
}

/// The offsets of the instructions in `blocks` of the file at `path`.
///
/// # Errors
/// When the file cannot be read or a block lies outside its segments.
pub fn instructions(path: &Path, blocks: &BTreeSet<(u64, u64)>) -> Result<BTreeSet<u64>, String> {
    let image = Image::read(path)?;
    let mut found = BTreeSet::new();
    for (start, bytes) in blocks {
        let code =
            image.bytes(*start, *bytes).ok_or_else(|| format!("no code at {start:#x}, {bytes} bytes"))?;
        found.extend(decode::addresses(code, *start));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_one_block_is_read() {
        let mut file = b"DRCOV VERSION: 2\nDRCOV FLAVOR: x\nModule Table: version 4, count 1\n\
            Columns: id, containing_id, start, end, entry, offset, path\n\
            0, 0, 0x1000, 0x2000, 0x0, 0x0, /a,b\nBB Table: 1 bbs\n"
            .to_vec();
        file.extend([0x10, 0, 1, 0, 5, 0, 0, 0]);
        let blocks = parse(&file).unwrap();
        assert_eq!(blocks["/a,b"], BTreeSet::from([(0x10010, 5)]));
        file.pop();
        assert!(parse(&file).is_err());
    }
}
