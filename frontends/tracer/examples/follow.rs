//! Follows this thread while it sorts, prints and starts another thread, and says which blocks ran most.
//!
//! ```sh
//! cargo run --example follow -p midstride-tracer
//! ```

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use midstride_tracer::follow::{Draft, Follower, Options, Tool, counter, unfollow_me};

const BLOCKS: u32 = 1 << 14;

/// Numbers blocks and counts how often each runs, by one instruction in each.
struct Hot {
    starts: [AtomicU64; BLOCKS as usize],
    next: AtomicU32,
}

impl Tool for Hot {
    fn transform(&self, block: &mut Draft) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(start) = self.starts.get(number as usize) {
            start.store(block.start().get(), Ordering::Relaxed);
            block.set_probe(0, counter(number));
        }
    }
}

#[inline(never)]
fn collatz(mut n: u64) -> u64 {
    let mut steps = 0;
    while n != 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tool = Hot { starts: [const { AtomicU64::new(0) }; BLOCKS as usize], next: AtomicU32::new(0) };
    let follower = Follower::with_options(tool, Options { counters: BLOCKS, ..Options::default() })?;

    // SAFETY: the tool adds counters that exist; nobody unloads code.
    unsafe { follower.follow_me()? };
    let mut steps: Vec<u64> = (1..200).map(collatz).collect();
    steps.sort_unstable();
    println!("the longest of them takes {} steps", steps[steps.len() - 1]);
    let native = std::thread::spawn(|| collatz(27)).join();
    unfollow_me();

    assert_eq!(native.ok(), Some(111));
    let hot = follower.tool();
    let known = hot.next.load(Ordering::Relaxed).min(BLOCKS);
    let mut runs: Vec<(u64, u64)> =
        (0..known).map(|n| (follower.count(n), hot.starts[n as usize].load(Ordering::Relaxed))).collect();
    runs.sort_unstable();
    for (times, start) in runs.iter().rev().take(5) {
        println!("{times:8} times: the block at {start:#x}");
    }
    let total: u64 = runs.iter().map(|(times, _)| times).sum();
    println!("{known} blocks ran {total} times; {:?}", follower.stats().cache);
    assert!(total > steps.iter().sum::<u64>(), "each step runs a block at least");
    Ok(())
}
