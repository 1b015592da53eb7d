//! After a fork neither process sees what the other writes into its code.

use midstride_os::LINUX_PAGES;
use midstride_os::thread::exit_group;
use midstride_slab::{Region, Span, Writable};

use crate::common::{fork, near_here, small, wait_for};

/// `mov eax, value; ret` in one word.
fn function(value: u32) -> u64 {
    0xb8 | u64::from(value) << 8 | 0xc3 << 40
}

fn run(at: u64) -> u32 {
    // SAFETY: the tests only pass addresses of functions made by `function`.
    let run: extern "C" fn() -> u32 = unsafe { std::mem::transmute(at as usize) };
    run()
}

fn patch(region: &Region, at: midstride_addr::CachePc, value: u32) {
    // SAFETY: each process of this test has one thread that knows the region, and it is here.
    unsafe { region.patch_word(at, function(value)) }.unwrap();
}

fn place(region: &mut Region, value: u32) -> midstride_addr::CachePc {
    let mut span: Span<Writable> = region.unit(0).unwrap().alloc_hot(8, 8).unwrap();
    region.write(&mut span, &function(value).to_le_bytes()).unwrap();
    span.publish().exec().start()
}

/// What the child does: its own patch and its own new code, unseen by the parent.
fn child(region: &mut Region, shared: midstride_addr::CachePc, round: u32) -> ! {
    patch(region, shared, round + 1_000_000);
    let own = place(region, round + 2_000_000);
    let right = run(shared.get()) == round + 1_000_000 && run(own.get()) == round + 2_000_000;
    exit_group(if right { 0 } else { 1 });
}

#[test]
fn a_thousand_children_patch_only_their_own_code() {
    let mut region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 4).unwrap();
    let shared = place(&mut region, 7);
    let behind = place(&mut region, 8);
    for round in 0..1000 {
        patch(&region, shared, round);
        let copy = region.prepare_fork().unwrap();
        let pid = fork();
        if pid == 0 {
            // SAFETY: this is the child, with one thread.
            let adopted = unsafe { copy.adopt_in_child(&mut region) };
            if adopted.is_err() || run(shared.get()) != round {
                exit_group(2);
            }
            child(&mut region, shared, round);
        }
        copy.discard_in_parent();
        // While the child runs, the parent patches the same bytes, and bytes behind them.
        patch(&region, shared, round + 3_000_000);
        patch(&region, behind, round + 4_000_000);
        assert_eq!(wait_for(pid), 0, "round {round}");
        assert_eq!((run(shared.get()), run(behind.get())), (round + 3_000_000, round + 4_000_000));
    }
}

/// Why the copy is needed: without it the views stay shared.
#[test]
fn without_the_copy_a_child_patches_its_parent() {
    let mut region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 4).unwrap();
    let shared = place(&mut region, 7);
    let pid = fork();
    if pid == 0 {
        patch(&region, shared, 9);
        exit_group(0);
    }
    assert_eq!(wait_for(pid), 0);
    assert_eq!(run(shared.get()), 9);
}

#[test]
fn grandchildren_are_apart_too() {
    let mut region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 4).unwrap();
    let shared = place(&mut region, 1);
    let copy = region.prepare_fork().unwrap();
    let pid = fork();
    if pid == 0 {
        // SAFETY: this is the child, with one thread.
        let first = unsafe { copy.adopt_in_child(&mut region) }.is_ok();
        patch(&region, shared, 2);
        let Ok(second) = region.prepare_fork() else { exit_group(3) };
        let grandchild = fork();
        if grandchild == 0 {
            // SAFETY: this is the grandchild, with one thread.
            let adopted = unsafe { second.adopt_in_child(&mut region) }.is_ok();
            patch(&region, shared, 3);
            exit_group(if adopted && run(shared.get()) == 3 { 0 } else { 4 });
        }
        let fine = wait_for(grandchild) == 0;
        second.discard_in_parent();
        exit_group(if first && fine && run(shared.get()) == 2 { 0 } else { 5 });
    }
    copy.discard_in_parent();
    assert_eq!(wait_for(pid), 0);
    assert_eq!(run(shared.get()), 1);
}

#[test]
fn a_child_can_start_empty() {
    let mut region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 4).unwrap();
    let shared = place(&mut region, 7);
    let pid = fork();
    if pid == 0 {
        // SAFETY: this is the child, with one thread, and nothing leads into the region.
        let empty = unsafe { region.start_empty_in_child() }.is_ok();
        let own = place(&mut region, 9);
        exit_group(if empty && own == shared && run(own.get()) == 9 { 0 } else { 1 });
    }
    assert_eq!(wait_for(pid), 0);
    assert_eq!(run(shared.get()), 7);
}
