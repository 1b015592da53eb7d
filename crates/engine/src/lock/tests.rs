//! The lock among threads.

extern crate std;

use std::thread;

use super::*;

const THREADS: u64 = 4;
const ROUNDS: u64 = 5_000;

#[test]
fn one_thread_at_a_time_has_the_value() {
    let lock = Lock::new(0u64);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut value = lock.lock();
                    let seen = *value;
                    core::hint::spin_loop();
                    *value = seen + 1;
                }
            });
        }
    });
    assert_eq!(*lock.lock(), THREADS * ROUNDS);
}

#[test]
fn a_thread_that_sleeps_is_woken() {
    let lock = Lock::new(());
    thread::scope(|scope| {
        let guard = lock.lock();
        let waiting = scope.spawn(|| drop(lock.lock()));
        while lock.word.load(Ordering::Relaxed) != CONTENDED {
            thread::yield_now();
        }
        drop(guard);
        waiting.join().expect("it was woken");
    });
    assert_eq!(lock.word.load(Ordering::Relaxed), FREE);
}
