//! Copies as listings: what is emitted, byte by byte.

use std::fmt::Write;

use midstride_addr::CachePc;
use midstride_asm::{Gpr, Writer};
use midstride_relocate::{GprSet, Relocated, Saved, load_target};
use midstride_testkit::Listing;

use crate::copy::{FAR, NEAR, PC, Slot, copy, insn};

/// The program's data that the examples address.
const DATA: u64 = PC.get() + 0x2000;

/// `head`, a displacement that leads to [`DATA`], and `tail`.
fn addressing(head: &[u8], tail: &[u8]) -> Vec<u8> {
    let end = PC.get() + (head.len() + 4 + tail.len()) as u64;
    let disp = (DATA.wrapping_sub(end) as u32).to_le_bytes();
    [head, &disp, tail].concat()
}

fn lines(code: &[u8], at: CachePc) -> String {
    let listing = Listing::new(code).at(at).symbol(Slot(at).address(), "slot").symbol(DATA, "data");
    listing.symbol(DATA & 0xffff_ffff, "low(data)").to_string()
}

/// The instruction, what became of it, and its copy.
fn show(bytes: &[u8], at: CachePc, free: GprSet) -> String {
    let insn = insn(bytes);
    let copied = copy(&insn, at, free).unwrap();
    let what = match copied.relocated {
        Relocated::Scratch { reg, saved, insn, restore } => {
            let saved = if saved == Saved::Yes { "saved" } else { "free" };
            format!("through {reg:?} ({saved}), insn {:04x}, restore {:04x}", insn.get(), restore.get())
        }
        other => format!("{other:?}"),
    };
    format!("{}  {what}\n{}", lines(bytes, CachePc::new(PC.get())), lines(&copied.code, at))
}

fn show_all(examples: &[Vec<u8>], at: CachePc, free: GprSet) -> String {
    examples.iter().fold(String::new(), |mut text, bytes| {
        writeln!(text, "{}", show(bytes, at, free)).unwrap();
        text
    })
}

/// Loads, stores, immediates behind the displacement, rsp, push and pop, lea, 67h, all encodings.
fn examples() -> Vec<Vec<u8>> {
    let heads: [(&[u8], &[u8]); 21] = [
        (&[0x48, 0x8b, 0x05], &[]),
        (&[0x88, 0x25], &[]),
        (&[0x4d, 0x01, 0x0d], &[]),
        (&[0x80, 0x3d], &[0x7f]),
        (&[0x66, 0x81, 0x05], &[0x34, 0x12]),
        (&[0x48, 0xc7, 0x05], &[0x78, 0x56, 0x34, 0x12]),
        (&[0x48, 0x89, 0x25], &[]),
        (&[0xff, 0x35], &[]),
        (&[0x8f, 0x05], &[]),
        (&[0x48, 0x8d, 0x35], &[]),
        (&[0x44, 0x8d, 0x05], &[]),
        (&[0x67, 0x8b, 0x0d], &[]),
        (&[0xf0, 0x48, 0x0f, 0xb1, 0x0d], &[]),
        (&[0x48, 0x0f, 0xc7, 0x0d], &[]),
        (&[0x64, 0x48, 0x8b, 0x05], &[]),
        (&[0x66, 0x0f, 0x3a, 0x63, 0x05], &[0x0c]),
        (&[0xc5, 0xf8, 0x28, 0x05], &[]),
        (&[0xc4, 0xe2, 0xf8, 0xf2, 0x0d], &[]),
        (&[0xc4, 0xe3, 0x71, 0x4c, 0x05], &[0x30]),
        (&[0x62, 0xf1, 0x7c, 0x48, 0x28, 0x05], &[]),
        (&[0x62, 0xd3, 0x75, 0x59, 0x25, 0x05], &[0xff]),
    ];
    heads.into_iter().map(|(head, tail)| addressing(head, tail)).collect()
}

#[test]
fn near_copies_have_their_displacement_patched() {
    insta::assert_snapshot!(show_all(&examples(), NEAR, GprSet::ALL));
}

#[test]
fn far_copies_use_a_free_register() {
    insta::assert_snapshot!(show_all(&examples(), FAR, GprSet::ALL));
}

#[test]
fn far_copies_without_a_free_register_spill_one() {
    insta::assert_snapshot!(show_all(&examples(), FAR, GprSet::EMPTY));
}

#[test]
fn far_copies_reach_for_high_registers_when_only_those_are_free() {
    insta::assert_snapshot!(show_all(&examples(), FAR, GprSet::of(Gpr::R11)));
}

#[test]
fn branch_targets_are_loaded_from_where_the_branch_reads_them() {
    let branches: [&[u8]; 8] = [
        &[0xff, 0xe0],
        &[0x41, 0xff, 0xd3],
        &[0xff, 0x24, 0xc5, 0x00, 0x10, 0x00, 0x00],
        &[0x3e, 0xff, 0x54, 0x24, 0x08],
        &[0x64, 0xff, 0x14, 0x25, 0x10, 0x00, 0x00, 0x00],
        &[0x65, 0x42, 0xff, 0x64, 0xe0, 0x18],
        &[0x67, 0xff, 0x20],
        &addressing(&[0xff, 0x15], &[]),
    ];
    let mut text = String::new();
    for (branch, at) in branches.iter().map(|branch| (branch, NEAR)).chain([(&branches[7], FAR)]) {
        let mut buffer = [0; 32];
        let mut w = Writer::new(&mut buffer, at);
        load_target(&insn(branch), &mut w, Gpr::R11).unwrap();
        let code = w.finish().unwrap();
        writeln!(text, "{}{}", lines(branch, CachePc::new(PC.get())), lines(code.bytes(), at)).unwrap();
    }
    insta::assert_snapshot!(text);
}
