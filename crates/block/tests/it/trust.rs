//! When exits are linked, and who is told.

use std::sync::Mutex;

use midstride_block::{BlockId, ExecBlock, Exit, ExitId, Observer};

use crate::world::{Choices, LOW, World};

/// jmp +14
const JUMP: [u8; 2] = [0xeb, 0x0e];
const RET: [u8; 1] = [0xc3];

/// A jump and its target.
fn pair(choices: Choices) -> (World, ExitId, BlockId) {
    let mut world = World::with(choices);
    let from = world.block(LOW, &JUMP);
    let to = world.block(LOW + 0x10, &RET);
    let exit = world.exit(from).0;
    (world, exit, to)
}

/// After how many visits the exit is linked, of ten.
fn linked_after(trust: Option<u16>) -> Option<usize> {
    let mut choices = Choices::default();
    choices.config.trust = trust;
    let (mut world, exit, to) = pair(choices);
    (1..=10).find(|_| {
        world.cache.link(exit, to);
        world.check();
        world.cache.exit(exit).is_some_and(|exit| exit.linked == Some(to))
    })
}

#[test]
fn an_exit_is_linked_when_it_was_taken_often_enough() {
    assert_eq!(linked_after(Some(0)), Some(1));
    assert_eq!(linked_after(Some(1)), Some(2));
    assert_eq!(linked_after(Some(7)), Some(8));
    assert_eq!(linked_after(Some(u16::MAX)), None);
    assert_eq!(linked_after(None), None);
}

#[test]
fn trust_is_kept_when_a_link_is_taken_out() {
    let mut choices = Choices::default();
    choices.config.trust = Some(3);
    let (mut world, exit, to) = pair(choices);
    (0..4).for_each(|_| world.cache.link(exit, to));
    world.cache.unlink(exit);
    world.cache.link(exit, to);
    assert_eq!(world.cache.exit(exit).and_then(|exit| exit.linked), Some(to));
}

#[test]
fn a_linked_exit_is_not_linked_again() {
    let (mut world, exit, to) = pair(Choices::default());
    world.cache.link(exit, to);
    world.cache.link(exit, to);
    world.check();
    assert_eq!(world.cache.stats().links, 1);
    world.cache.unlink(exit);
    world.cache.unlink(exit);
    assert_eq!(world.cache.stats().unlinks, 1);
}

/// Notes what it is told.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn note(&self, text: String) {
        self.0.lock().expect("nobody panics with the lock").push(text);
    }
}

impl Observer for Notes {
    fn built(&self, id: BlockId, block: &ExecBlock) {
        self.note(format!("block {} built at {}", id.get(), block.app.start()));
    }

    fn linked(&self, exit: &Exit, to: &ExecBlock) {
        self.note(format!("block {} linked to {}", exit.block.get(), to.app.start()));
    }

    fn retired(&self, id: BlockId, block: &ExecBlock) {
        self.note(format!("block {} retired at {}", id.get(), block.app.start()));
    }
}

#[test]
fn an_observer_hears_of_blocks_and_links_in_order() {
    let notes: &'static Notes = Box::leak(Box::default());
    let (mut world, exit, to) = pair(Choices { observer: notes, ..Choices::default() });
    world.cache.link(exit, to);
    world.cache.link(exit, to);
    world.cache.retire(to);
    world.cache.retire(to);
    let heard = notes.0.lock().expect("nobody panics with the lock");
    let wanted = [
        "block 0 built at 0x50000000",
        "block 1 built at 0x50000010",
        "block 0 linked to 0x50000010",
        "block 1 retired at 0x50000010",
    ];
    assert_eq!(*heard, wanted);
}
