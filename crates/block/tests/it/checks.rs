//! Blocks that compare their program code each time they are entered.

use insta::assert_snapshot;
use midstride_block::{ExitKind, MAX_INSNS};

use crate::show::show;
use crate::world::{HIGH, LOW, World};

fn careful(at: u64, code: &[u8]) -> String {
    let mut world = World::new();
    let id = world.careful(at, code);
    show(&mut world, id)
}

#[test]
fn bytes_are_compared_by_dwords_and_what_is_left_by_less() {
    // xor eax, eax; inc eax; ret: five bytes. No flag changes although all are dead: new code may need them.
    assert_snapshot!("check_dwords", careful(HIGH, &[0x31, 0xc0, 0xff, 0xc0, 0xc3]));
}

#[test]
fn a_block_shorter_than_a_dword_is_compared_by_a_word_and_a_byte() {
    assert_snapshot!("check_bytes", careful(HIGH, &[0x31, 0xc0, 0xc3]));
}

/// With alignment checks on (AC), a look at an unaligned dword raised a signal the program knew nothing of.
#[test]
fn code_at_an_odd_address_is_looked_at_in_aligned_pieces() {
    assert_snapshot!(
        "check_aligned",
        careful(HIGH + 1, &[0x31, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xc3])
    );
}

#[test]
fn a_block_that_looks_ends_behind_its_first_write() {
    let mut world = World::new();
    let id = world.careful(LOW, &[0x31, 0xc0, 0x89, 0x07, 0x90, 0xc3]); // xor eax, eax; mov [rdi], eax; nop; ret
    assert_eq!((world.get(id).insns, world.get(id).app.end().get()), (2, LOW + 4));
    let kinds: Vec<_> = world.exits(id).into_iter().map(|(_, exit)| exit.kind).collect();
    assert_eq!(kinds, [ExitKind::Stale, ExitKind::Direct]);
}

#[test]
fn a_careful_block_too_long_for_the_writer_is_made_shorter() {
    // imul rax, [rip+0x7fffff00], imm32: eleven bytes each, compared by dwords with a label each, and an operand out of
    // the cache's reach. The writer's labels run out in the comparison, and a copy is the first that says so.
    let code = [0x48, 0x69, 0x05, 0x00, 0xff, 0xff, 0x7f, 0x44, 0x33, 0x22, 0x11].repeat(MAX_INSNS);
    let mut world = World::new();
    let id = world.careful(HIGH, &code);
    let insns = usize::from(world.get(id).insns);
    assert_eq!((insns, world.get(id).app.len()), (MAX_INSNS / 8, 11 * MAX_INSNS as u64 / 8));
    assert_eq!(world.cache.stats().far_operands, insns as u64);
}
