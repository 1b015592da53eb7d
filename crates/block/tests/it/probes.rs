//! Instrumentation as code.

use insta::assert_snapshot;
use midstride_block::{Draft, Probe};

use crate::show::show;
use crate::world::{ABSOLUTE, Choices, LOW, World};

const COUNT: Probe = Probe::Count { offset: 0x200 };

fn probed(code: &[u8], change: impl FnMut(&mut Draft)) -> String {
    let mut world = World::new();
    let id = world.changed(LOW, code, change);
    world.check();
    show(&mut world, id)
}

#[test]
fn a_count_takes_one_instruction_where_flags_are_dead() {
    // test edi, edi; je +16
    let code = [0x85, 0xff, 0x74, 0x10];
    assert_snapshot!("count_flags_dead", probed(&code, |draft| draft.set_probe(0, COUNT)));
}

#[test]
fn a_count_moves_to_where_flags_are_dead() {
    // adc eax, esi (reads CF); test edi, edi; je +16
    let code = [0x11, 0xf0, 0x85, 0xff, 0x74, 0x10];
    assert_snapshot!("count_moves", probed(&code, |draft| draft.set_probe(0, COUNT)));
}

#[test]
fn a_count_where_flags_are_live_saves_a_register() {
    // mov eax, 1; jc +16: rax is dead, but a signal handler would see it changed.
    let code = [0xb8, 1, 0, 0, 0, 0x72, 0x10];
    assert_snapshot!("count_flags_live", probed(&code, |draft| draft.set_probe(0, COUNT)));
    let mut world = World::with(Choices { slots: ABSOLUTE, ..Choices::default() });
    let id = world.changed(LOW, &code, |draft| draft.set_probe(0, COUNT));
    assert_snapshot!("count_saves_a_register_absolute", show(&mut world, id));
}

#[test]
fn a_callout_comes_back_behind_its_jump() {
    let code = [0x90, 0x31, 0xc0, 0xc3];
    assert_snapshot!("callout", probed(&code, |draft| draft.set_probe(1, Probe::Callout { id: 7 })));
}

#[test]
fn a_dropped_instruction_leaves_no_bytes() {
    let code = [0x50, 0x31, 0xc0, 0x58, 0xc3];
    assert_snapshot!("dropped", probed(&code, |draft| draft.drop_insn(1)));
    assert_snapshot!("dropped_end", probed(&code, |draft| draft.drop_insn(3)));
}

/// Whether the block counts by `inc`, which changes flags.
fn counts_by_inc(code: &[u8], change: impl FnMut(&mut Draft)) -> bool {
    probed(code, change).contains("inc qword")
}

#[test]
fn an_instruction_that_was_dropped_kills_no_flags() {
    // test edi, edi; jc +16
    let code = [0x85, 0xff, 0x72, 0x10];
    assert!(counts_by_inc(&code, |draft| draft.set_probe(0, COUNT)));
    assert!(!counts_by_inc(&code, |draft| {
        draft.set_probe(0, COUNT);
        draft.drop_insn(0);
    }));
}

#[test]
fn flags_and_registers_are_live_where_a_callout_looks_at_them() {
    // nop; test edi, edi; jc +16
    let code = [0x90, 0x85, 0xff, 0x72, 0x10];
    let text = probed(&code, |draft| {
        draft.set_probe(0, COUNT);
        draft.set_probe(1, Probe::Callout { id: 1 });
    });
    assert!(!text.contains("inc qword") && text.contains("mov rax,gs:[30h]"), "{text}");
}
