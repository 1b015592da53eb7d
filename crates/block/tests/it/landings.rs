//! Landings: one snapshot for each way to compare a target.

use insta::assert_snapshot;
use midstride_block::{Landing, Rotate, SlotBase};

use crate::show::{show, show_landing};
use crate::world::{ABSOLUTE, Choices, HIGH, LOW, World};

/// Reads rcx.
const NEEDS_RCX: [u8; 4] = [0x48, 0x89, 0xc8, 0xc3];
/// Writes rcx: mov ecx, 1; ret.
const WRITES_RCX: [u8; 6] = [0xb9, 0x01, 0, 0, 0, 0xc3];

/// A block with a landing in front.
fn landed(at: u64, rotate: Rotate, landing: Landing, code: &[u8]) -> String {
    let mut world = World::with(Choices { rotate, ..Choices::default() });
    let id = world.landed(at, code, landing);
    show(&mut world, id)
}

#[test]
fn a_low_target_is_compared_by_one_lea() {
    assert_snapshot!("return_low", landed(LOW, Rotate::Rorx, Landing::Return, &NEEDS_RCX));
    assert_snapshot!("indirect_low", landed(LOW, Rotate::None, Landing::Indirect, &NEEDS_RCX));
}

#[test]
fn a_high_target_is_compared_in_two_halves() {
    assert_snapshot!("return_rorx", landed(HIGH, Rotate::Rorx, Landing::Return, &NEEDS_RCX));
    assert_snapshot!("indirect_rorx", landed(HIGH, Rotate::Rorx, Landing::Indirect, &NEEDS_RCX));
}

#[test]
fn without_bmi2_a_high_target_takes_a_second_register() {
    assert_snapshot!("return_r11", landed(HIGH, Rotate::None, Landing::Return, &NEEDS_RCX));
    assert_snapshot!("indirect_r11", landed(HIGH, Rotate::None, Landing::Indirect, &NEEDS_RCX));
}

#[test]
fn rcx_is_restored_even_where_the_block_overwrites_it() {
    // A signal handler that runs before it does sees the register.
    assert_snapshot!("return_rcx_dead", landed(HIGH, Rotate::Rorx, Landing::Return, &WRITES_RCX));
}

#[test]
fn slots_at_an_address_are_named_without_a_segment() {
    let mut world = World::with(Choices { slots: ABSOLUTE, rotate: Rotate::None, ..Choices::default() });
    let id = world.landed(HIGH, &NEEDS_RCX, Landing::Indirect);
    assert_snapshot!("indirect_absolute", show(&mut world, id));
    assert_ne!(world.slots, SlotBase::Gs);
}

#[test]
fn a_second_landing_lies_apart_and_jumps_to_the_body() {
    let mut world = World::new();
    let id = world.landed(HIGH, &NEEDS_RCX, Landing::Return);
    let at = world.cache.ensure_landing(id, Landing::Indirect).expect("there is room");
    world.check();
    assert_snapshot!("apart", show_landing(&mut world, id, at));
}
