//! Threads beside and below followed ones.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use midstride_tracer::follow::{Draft, Follower, Options, counter, is_following_me};

use crate::{followed, plain, small};

/// What GS of the calling thread is based at.
fn gs_base() -> u64 {
    const ARCH_GET_GS: i32 = 0x1004;
    let mut base = !0u64;
    // SAFETY: the kernel writes one word.
    let asked = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_GET_GS, &raw mut base) };
    assert_eq!(asked, 0);
    base
}

thread_local! {
    static MINE: std::cell::Cell<u64> = const { std::cell::Cell::new(7) };
}

#[test]
fn created_threads_run_natively_with_registers_of_their_own() {
    let results = followed(plain(), || {
        let threads: Vec<_> = (0..24u64)
            .map(|n| {
                thread::spawn(move || {
                    MINE.set(MINE.get() + n);
                    (MINE.get(), is_following_me(), gs_base())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("the thread ends")).collect::<Vec<_>>()
    });
    assert!(results.into_iter().eq((0..24).map(|n| (7 + n, false, 0))));
    assert_eq!(MINE.get(), 7);
}

/// The signals that the calling thread blocks.
fn mask() -> [bool; 64] {
    // SAFETY: all zeros is a set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: only asks.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut set) };
    // SAFETY: the set was written; the C library refuses to name its own two signals.
    std::array::from_fn(|bit| unsafe { libc::sigismember(&raw const set, bit as i32 + 1) == 1 })
}

#[test]
fn threads_have_the_mask_of_their_creator() {
    let (before, inside, child) = thread::spawn(|| {
        // SAFETY: all zeros is a set.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: blocks a signal in this thread.
        unsafe { libc::sigaddset(&raw mut set, libc::SIGWINCH) };
        // SAFETY: as above.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        let before = mask();
        let (inside, child) = followed(plain(), || (mask(), thread::spawn(mask)));
        assert_eq!(mask(), before);
        (before, inside, child.join().expect("it ends"))
    })
    .join()
    .expect("it ends");
    assert!(before[libc::SIGWINCH as usize - 1] && before.iter().filter(|&&blocked| blocked).count() == 1);
    assert_eq!((inside, child), (before, before));
}

#[test]
fn a_second_thread_runs_freely_beside() {
    static STEPS: AtomicU64 = AtomicU64::new(0);
    static STOP: AtomicBool = AtomicBool::new(false);
    let beside = thread::spawn(|| {
        while !STOP.load(Ordering::Relaxed) {
            STEPS.fetch_add(1, Ordering::Relaxed);
            assert!(!is_following_me() && gs_base() == 0);
            drop(format!("{}", STEPS.load(Ordering::Relaxed)));
        }
    });
    let (before, after) = followed(plain(), || {
        let before = STEPS.load(Ordering::Relaxed);
        while STEPS.load(Ordering::Relaxed) < before + 1000 {
            thread::sleep(Duration::from_millis(1));
        }
        (before, STEPS.load(Ordering::Relaxed))
    });
    STOP.store(true, Ordering::Relaxed);
    beside.join().expect("it found nothing of ours");
    assert!(after >= before + 1000);
}

/// Counts its calls in counter 0.
#[inline(never)]
fn counted(n: u64) -> u64 {
    std::hint::black_box(n) + 1
}

#[test]
fn threads_share_a_cache_and_have_counters_of_their_own() {
    let place = counted as fn(u64) -> u64 as usize as u64;
    let tool = move |block: &mut Draft| {
        if block.start().get() == place {
            block.set_probe(0, counter(0));
        }
    };
    let follower = Follower::with_options(tool, Options { counters: 1, ..small() }).expect("a follower");
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let start = start.clone();
            thread::spawn(move || {
                start.wait();
                followed(follower, || (0..10_000).fold(0, |sum, n| sum + counted(n)))
            })
        })
        .collect();
    let sums: Vec<u64> = threads.into_iter().map(|thread| thread.join().expect("the thread ends")).collect();
    assert_eq!(sums, [50_005_000; 4]);
    assert_eq!((follower.count(0), follower.count(1)), (40_000, 0));
}

#[test]
fn a_thread_may_end_while_followed() {
    for _ in 0..20 {
        let ended = thread::spawn(|| {
            // SAFETY: the tool changes nothing.
            unsafe { plain().follow_me() }.expect("the thread can be followed");
            MINE.set(9);
            u64::from(is_following_me())
        });
        assert_eq!(ended.join().expect("it ends"), 1);
    }
}

#[test]
fn contexts_are_used_again() {
    let follower = Follower::with_options(|_: &mut Draft| {}, small()).expect("a follower");
    for _ in 0..50 {
        followed(follower, || thread::spawn(|| ()).join().expect("it ends"));
        thread::spawn(move || followed(follower, || ())).join().expect("it ends");
    }
    let threads = follower.stats().threads;
    assert!((2..20).contains(&threads), "{threads}");
}

#[test]
fn channels_and_locks_work_between_followed_and_native_threads() {
    let (to_native, native) = mpsc::channel::<u64>();
    let (to_followed, answers) = mpsc::channel::<u64>();
    let echo =
        thread::spawn(move || native.iter().for_each(|n| to_followed.send(n * 2).expect("it listens")));
    let sum = followed(plain(), move || {
        let sum: u64 = (0..300)
            .map(|n| {
                to_native.send(n).expect("it listens");
                answers.recv().expect("it answers")
            })
            .sum();
        drop(to_native);
        sum
    });
    echo.join().expect("it ends");
    assert_eq!(sum, 2 * (299 * 300 / 2));
}
