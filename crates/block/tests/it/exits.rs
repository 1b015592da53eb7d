//! How blocks end: one snapshot for each kind of last instruction.

use insta::assert_snapshot;
use midstride_block::{SlotBase, Transactions};

use crate::show::show;
use crate::world::{ABSOLUTE, Choices, HIGH, LOW, World};

/// The block made of `code` at `at`.
fn block(at: u64, code: &[u8]) -> String {
    block_with(SlotBase::Gs, at, code)
}

fn block_with(slots: SlotBase, at: u64, code: &[u8]) -> String {
    let mut world = World::with(Choices { slots, ..Choices::default() });
    let id = world.block(at, code);
    show(&mut world, id)
}

#[test]
fn jumps_and_branches_leave_through_stubs() {
    assert_snapshot!("jmp", block(LOW, &[0xe9, 0x10, 0, 0, 0]));
    assert_snapshot!("jcc", block(LOW, &[0x39, 0xf7, 0x7c, 0x10]));
    assert_snapshot!("jcc_with_slots_at_an_address", block_with(ABSOLUTE, LOW, &[0x39, 0xf7, 0x7c, 0x10]));
}

#[test]
fn counted_branches_go_through_a_short_one() {
    assert_snapshot!("loop", block(LOW, &[0xe2, 0xfe]));
    assert_snapshot!("loope_ecx", block(LOW, &[0x67, 0xe1, 0x20]));
    assert_snapshot!("loopne", block(LOW, &[0xe0, 0x20]));
    assert_snapshot!("jrcxz", block(LOW, &[0xe3, 0x20]));
    assert_snapshot!("jecxz", block(LOW, &[0x67, 0xe3, 0x20]));
}

#[test]
fn calls_push_the_return_address_with_one_store() {
    assert_snapshot!("call_below_2_gib", block(LOW, &[0xe8, 0x10, 0, 0, 0]));
    assert_snapshot!("call_above_2_gib", block(HIGH, &[0xe8, 0x10, 0, 0, 0]));
    assert_snapshot!("call_next", block(HIGH, &[0xe8, 0, 0, 0, 0]));
    assert_snapshot!("call_register", block(HIGH, &[0xff, 0xd0]));
    assert_snapshot!("call_rcx", block(HIGH, &[0xff, 0xd1]));
    assert_snapshot!("call_memory_by_rsp", block(HIGH, &[0xff, 0x54, 0x24, 0x08]));
    assert_snapshot!("call_memory_in_reach", block(HIGH, &[0xff, 0x15, 0x00, 0x10, 0, 0]));
}

#[test]
fn returns_jump_through_the_table() {
    assert_snapshot!("ret", block(HIGH, &[0xc3]));
    assert_snapshot!("ret_with_slots_at_an_address", block_with(ABSOLUTE, HIGH, &[0xc3]));
    assert_snapshot!("ret_imm", block(HIGH, &[0xc2, 0x10, 0x00]));
}

#[test]
fn indirect_jumps_jump_through_the_table() {
    assert_snapshot!("jmp_register", block(HIGH, &[0xff, 0xe0]));
    assert_snapshot!("jmp_rcx", block(HIGH, &[0xff, 0xe1]));
    assert_snapshot!("jmp_memory", block(HIGH, &[0xff, 0x24, 0xc8]));
    assert_snapshot!("jmp_memory_out_of_reach", block(HIGH, &[0xff, 0x25, 0, 0, 0, 0x7f]));
    assert_snapshot!("jmp_memory_by_fs", block(HIGH, &[0x64, 0xff, 0x24, 0x25, 0x10, 0, 0, 0]));
}

#[test]
fn what_the_gate_must_do_ends_a_block() {
    assert_snapshot!("syscall", block(LOW, &[0x31, 0xc0, 0x0f, 0x05]));
    assert_snapshot!("far_return", block(LOW, &[0x48, 0xcb]));
    assert_snapshot!("far_jump", block(LOW, &[0xff, 0x28]));
    assert_snapshot!("iret", block(LOW, &[0x48, 0xcf]));
    assert_snapshot!("jmp_16_bit", block(LOW, &[0x66, 0xe9, 0, 0, 0, 0]));
}

#[test]
fn a_transaction_aborts_at_once() {
    assert_snapshot!("xbegin", block(LOW, &[0xc7, 0xf8, 0x20, 0, 0, 0]));
}

#[test]
fn a_transaction_is_undefined_where_the_processor_has_none() {
    let mut world = World::with(Choices { transactions: Transactions::Undefined, ..Choices::default() });
    let id = world.block(LOW, &[0xc7, 0xf8, 0x20, 0, 0, 0]);
    assert_snapshot!("xbegin_undefined", show(&mut world, id));
}

#[test]
fn what_raises_a_signal_is_copied() {
    assert_snapshot!("int3", block(LOW, &[0xcc]));
    assert_snapshot!("ud2", block(LOW, &[0x90, 0x0f, 0x0b]));
    assert_snapshot!("hlt", block(LOW, &[0xf4]));
    assert_snapshot!("int_80", block(LOW, &[0xcd, 0x80]));
}

#[test]
fn code_that_cannot_be_read_has_a_block_of_its_own() {
    assert_snapshot!("undecodable_behind_an_instruction", block(LOW, &[0x90, 0x06, 0x90]));
    assert_snapshot!("undecodable", block(LOW, &[0x06, 0x90]));
    assert_snapshot!("unreadable_behind_an_instruction", block(LOW, &[0x90, 0x48]));
    assert_snapshot!("unreadable", block(LOW, &[0x48]));
    assert_snapshot!("nothing", block(LOW, &[]));
}

#[test]
fn a_full_block_goes_on_in_the_next() {
    let mut choices = Choices::default();
    choices.config.block_limit = 2;
    let mut world = World::with(choices);
    let id = world.block(LOW, &[0x90, 0x50, 0x58, 0xc3]);
    assert_snapshot!("full", show(&mut world, id));
}

#[test]
fn copies_of_rip_relative_instructions_find_their_operand() {
    assert_snapshot!("operand_in_reach", block(HIGH, &[0x48, 0x8b, 0x05, 0, 0x10, 0, 0, 0xc3]));
    // mov rax, [rip+…] overwrites its own scratch register; add [rip+…], eax has none that is dead.
    assert_snapshot!(
        "operand_out_of_reach_in_a_dead_register",
        block(HIGH, &[0x48, 0x8b, 0x05, 0, 0, 0, 0x7f, 0xc3])
    );
    assert_snapshot!(
        "operand_out_of_reach_in_a_saved_register",
        block(HIGH, &[0x01, 0x05, 0, 0, 0, 0x7f, 0xc3])
    );
    assert_snapshot!("address_out_of_reach", block(HIGH, &[0x48, 0x8d, 0x05, 0, 0, 0, 0x7f, 0xc3]));
}

#[test]
fn operands_in_gs_are_read_as_if_its_base_were_0() {
    let mov = [0x65, 0x48, 0x8b, 0x00, 0xc3]; // mov rax, gs:[rax]; ret
    assert_snapshot!("operand_in_gs", block(HIGH, &mov));
    assert_snapshot!("operand_in_gs_where_slots_lie_elsewhere", block_with(ABSOLUTE, HIGH, &mov));
    assert_snapshot!("jmp_memory_by_gs", block(HIGH, &[0x65, 0xff, 0x24, 0x25, 0x10, 0, 0, 0]));
}

#[test]
fn what_uses_gs_itself_is_left_to_the_engine() {
    assert_snapshot!("rdgsbase", block(HIGH, &[0x90, 0xf3, 0x48, 0x0f, 0xae, 0xc9, 0x90]));
}
