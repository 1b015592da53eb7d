//! Coverage files, read back by a strict reader that shares nothing with the writer.

use midstride_tracer_abi::Partial;

use super::drcov::{Written, write};
use super::fake::{FakeChannel, FakeSlot, block, module};
use super::filter::Filter;
use crate::options::Mode;

#[derive(Debug, PartialEq, Eq)]
struct File {
    modules: Vec<(u64, u64, u64, String)>,
    blocks: Vec<(u32, u16, u16)>,
}

/// Takes a line off the front.
fn line<'b>(bytes: &mut &'b [u8]) -> &'b str {
    let end = bytes.iter().position(|&byte| byte == b'\n').expect("a line");
    let (line, rest) = bytes.split_at(end);
    *bytes = &rest[1..];
    std::str::from_utf8(line).expect("text")
}

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text.strip_prefix("0x").expect("0x"), 16).expect("hexadecimal")
}

fn parse(mut bytes: &[u8]) -> File {
    assert_eq!(line(&mut bytes), "DRCOV VERSION: 2");
    assert!(line(&mut bytes).starts_with("DRCOV FLAVOR: "));
    let table = line(&mut bytes).strip_prefix("Module Table: version 4, count ").expect("a module table");
    let count: usize = table.parse().expect("a number");
    assert_eq!(line(&mut bytes), "Columns: id, containing_id, start, end, entry, offset, path");
    let modules = (0..count).map(|id| parse_module(id, line(&mut bytes))).collect();
    let table = line(&mut bytes).strip_prefix("BB Table: ").and_then(|rest| rest.strip_suffix(" bbs"));
    let count: usize = table.expect("a block table").parse().expect("a number");
    assert_eq!(bytes.len(), count * 8, "nothing behind the last block");
    let block = |record: &[u8]| {
        let half = |at: usize| u16::from_le_bytes([record[at], record[at + 1]]);
        (u32::from_le_bytes([record[0], record[1], record[2], record[3]]), half(4), half(6))
    };
    File { modules, blocks: bytes.chunks_exact(8).map(block).collect() }
}

fn parse_module(id: usize, line: &str) -> (u64, u64, u64, String) {
    let fields: Vec<&str> = line.splitn(7, ", ").map(str::trim).collect();
    assert_eq!(fields.len(), 7, "{line}");
    assert_eq!((fields[0].parse(), fields[1].parse()), (Ok(id), Ok(id)), "{line}");
    let (start, end, entry) = (hex(fields[2]), hex(fields[3]), hex(fields[4]));
    assert!(start <= end && hex(fields[5]) == 0, "{line}");
    (start, end, entry, fields[6].to_owned())
}

const BASE: u64 = 0x7f00_0000_0000;

fn written(channel: &FakeChannel) -> (File, Written) {
    let mut bytes = Vec::new();
    let profile = channel.profile(Mode::Cov, Filter::default());
    let written = write(&profile, &mut bytes).unwrap();
    (parse(&bytes), written)
}

fn channel(paths: &[&str]) -> FakeChannel {
    let mut channel = FakeChannel::new();
    channel.slot(FakeSlot::process(0));
    let modules: Vec<_> =
        (0..).zip(paths).map(|(index, &path)| (module(BASE + index * 0x10_0000, 0x2000), path)).collect();
    channel.modules(0, 0, &modules);
    channel
}

#[test]
fn modules_and_blocks_are_read_back() {
    let channel = channel(&["/no/a, b", "/no/c"]);
    channel.blocks(0, 0, &[block(BASE + 0x10_0000 + 4, 7, 2), block(BASE, 3, 1), block(BASE + 1, 2, 1)]);
    let (file, written) = written(&channel);
    let start = BASE - 0x2000;
    assert_eq!(
        file.modules,
        [
            (start, BASE + 0x1_0000, 0, "/no/a, b".to_owned()),
            (start + 0x10_0000, BASE + 0x11_0000, 0, "/no/c".to_owned()),
        ]
    );
    assert_eq!(file.blocks, [(0x2000, 3, 0), (0x2001, 2, 0), (0x2004, 7, 1)]);
    assert_eq!(written, Written { records: 3, left_out: 0 });
}

#[test]
fn a_block_larger_than_a_record_is_split() {
    let channel = channel(&["/no/a"]);
    channel.blocks(0, 0, &[block(BASE, 0x1_0005, 1)]);
    let (file, written) = written(&channel);
    assert_eq!(file.blocks, [(0x2000, 0xffff, 0), (0x1_1fff, 6, 0)]);
    assert_eq!(written.records, 2);
}

#[test]
fn only_the_executed_part_of_a_block_is_written() {
    let channel = channel(&["/no/a"]);
    channel.blocks(0, 0, &[block(BASE, 9, 3), block(BASE + 16, 9, 3)]);
    let cut = |block, insns, bytes| Partial { block, insns, times: 1, bytes };
    channel.partials(0, &[cut(0, 2, 5), cut(1, 0, 0)]);
    let (file, written) = written(&channel);
    assert_eq!(file.blocks, [(0x2000, 5, 0)]);
    assert_eq!(written, Written { records: 1, left_out: 0 });
}

#[test]
fn a_line_break_in_a_path_does_not_break_the_table() {
    let channel = channel(&["/no/a\nBB Table: 0 bbs", "/no/c"]);
    channel.blocks(0, 0, &[block(BASE, 3, 1)]);
    assert_eq!(written(&channel).0.modules[0].3, "/no/a?BB Table: 0 bbs");
}

#[test]
fn what_the_format_cannot_hold_is_counted() {
    let mut channel = FakeChannel::new();
    channel.slot(FakeSlot::process(0));
    channel.modules(0, 0, &[(module(BASE, 5 << 30), "/no/a")]);
    channel.blocks(0, 0, &[block(BASE, 3, 1)]);
    let (file, written) = written(&channel);
    assert_eq!((file.blocks.len(), written), (0, Written { records: 0, left_out: 1 }));
}
