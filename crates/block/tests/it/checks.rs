//! Blocks that compare their program code each time they are entered.

use insta::assert_snapshot;
use midstride_block::ExitKind;

use crate::show::show;
use crate::world::{HIGH, LOW, World};

fn careful(at: u64, code: &[u8]) -> String {
    let mut world = World::new();
    let id = world.careful(at, code);
    show(&mut world, id)
}

#[test]
fn bytes_are_compared_by_dwords_that_may_overlap() {
    // xor eax, eax; inc eax; ret: five bytes. No flag changes although all are dead: new code may need them.
    assert_snapshot!("check_dwords", careful(HIGH, &[0x31, 0xc0, 0xff, 0xc0, 0xc3]));
}

#[test]
fn a_block_shorter_than_a_dword_is_compared_by_bytes() {
    assert_snapshot!("check_bytes", careful(HIGH, &[0x31, 0xc0, 0xc3]));
}

#[test]
fn a_block_that_looks_ends_behind_its_first_write() {
    let mut world = World::new();
    let id = world.careful(LOW, &[0x31, 0xc0, 0x89, 0x07, 0x90, 0xc3]); // xor eax, eax; mov [rdi], eax; nop; ret
    assert_eq!((world.get(id).insns, world.get(id).app.end().get()), (2, LOW + 4));
    let kinds: Vec<_> = world.exits(id).into_iter().map(|(_, exit)| exit.kind).collect();
    assert_eq!(kinds, [ExitKind::Stale, ExitKind::Direct]);
}
