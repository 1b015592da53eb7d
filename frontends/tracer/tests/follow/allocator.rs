//! The allocator of this process, which the engine must not use (invariant 9).

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use midstride_tracer::follow::{Draft, Follower, is_in_engine};

use crate::{alone, followed, small};

struct Guarded;

#[global_allocator]
static ALLOCATOR: Guarded = Guarded;

/// Dies when the engine, or what it calls, is the caller.
fn check() {
    if is_in_engine() {
        const MESSAGE: &str = "the allocator was entered from the gate\n";
        // SAFETY: writes a constant.
        unsafe { libc::write(2, MESSAGE.as_ptr().cast(), MESSAGE.len()) };
        std::process::abort();
    }
}

// SAFETY: the system's allocator, unless the process ends.
unsafe impl GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check();
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        check();
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        check();
        // SAFETY: the caller's contract.
        unsafe { System.realloc(block, layout, bytes) }
    }
}

#[test]
fn the_guard_notices_a_tool_that_allocates() {
    static ARMED: AtomicBool = AtomicBool::new(false);
    let outcome = alone::output("allocator::the_guard_notices_a_tool_that_allocates", || {
        let tool = |_: &mut Draft| {
            if ARMED.load(Ordering::Relaxed) {
                drop(std::hint::black_box(Box::new(1)));
            }
        };
        let follower = Follower::with_options(tool, small()).expect("a follower");
        followed(follower, || drop(std::hint::black_box(vec![1])));
        ARMED.store(true, Ordering::Relaxed);
        followed(follower, || drop(std::hint::black_box(String::from("x") + "y")));
    });
    let Some(outcome) = outcome else { return };
    assert!(!outcome.status.success());
    let text = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(text.contains("entered from the gate"), "{text}");
}

#[test]
fn the_program_allocates_and_frees_while_followed() {
    let sum = followed(crate::plain(), || {
        let mut map = std::collections::BTreeMap::new();
        for key in 0..2000u64 {
            map.insert(key.wrapping_mul(0x9e37_79b9) % 1009, vec![key; (key % 50) as usize]);
        }
        let big = vec![1u8; 40 << 20]; // Larger than what malloc keeps: mmap and munmap.
        map.values().map(|each| each.len() as u64).sum::<u64>() + big[12345] as u64
    });
    let expected = (0..2000u64).rev().collect::<Vec<_>>();
    let mut lengths = std::collections::BTreeMap::new();
    for key in expected {
        lengths.entry(key.wrapping_mul(0x9e37_79b9) % 1009).or_insert(key % 50);
    }
    assert_eq!(sum, lengths.values().sum::<u64>() + 1);
}
