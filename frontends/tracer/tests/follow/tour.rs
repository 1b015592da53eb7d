//! All at once: what issue and invariant ask for, in one process whose allocator aborts when the engine enters it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use midstride_tracer::follow::{Draft, Follower, is_following_me, unfollow_me};

use crate::cpp::{Library, object};
use crate::{alone, small};

static BLOCKS: AtomicU64 = AtomicU64::new(0);
static HANDLED: AtomicU64 = AtomicU64::new(0);
static BESIDE: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn handler(_: i32) {
    HANDLED.fetch_add(u64::from(is_following_me()), Ordering::Relaxed);
}

/// What the thread does natively and followed alike.
fn tour() -> (usize, i32, bool, Option<i32>) {
    let words: Vec<String> = (0..100).map(|n| format!("{n:>5}")).collect();
    let length = words.concat().len();
    // SAFETY: the format fits the arguments; all streams are flushed.
    let printed = unsafe {
        libc::printf(c"%s and %.1f\n".as_ptr(), c"one".as_ptr(), 2.5f64) + libc::fflush(std::ptr::null_mut())
    };
    let child = thread::spawn(is_following_me).join().expect("the thread ends");
    let caught = object().map(|object| Library::open(object).call(c"throw_and_catch", 5));
    // SAFETY: the handler is installed.
    unsafe { libc::raise(libc::SIGUSR1) };
    (length, printed, child, caught)
}

#[test]
fn a_thread_is_followed_through_everything_and_back_out() {
    alone::run("tour::a_thread_is_followed_through_everything_and_back_out", || {
        // SAFETY: the handler takes one argument.
        unsafe { libc::signal(libc::SIGUSR1, handler as extern "C" fn(i32) as usize) };
        let beside = thread::spawn(|| {
            while !STOP.load(Ordering::Relaxed) {
                BESIDE.fetch_add(u64::from(!is_following_me()), Ordering::Relaxed);
            }
        });
        let native = tour();
        let tool = |_: &mut Draft| {
            BLOCKS.fetch_add(1, Ordering::Relaxed);
        };
        let follower = Follower::with_options(tool, small()).expect("a follower");
        let before = BESIDE.load(Ordering::Relaxed);
        // SAFETY: the tool counts only; nobody unloads code natively.
        unsafe { follower.follow_me() }.expect("the thread can be followed");
        let followed = tour();
        let inside = is_following_me();
        unfollow_me();
        let blocks = BLOCKS.load(Ordering::Relaxed);
        let after = tour();
        STOP.store(true, Ordering::Relaxed);
        beside.join().expect("it ends");
        assert_eq!((followed, after, inside, is_following_me()), (native, native, true, false));
        assert!(blocks > 1000 && blocks == BLOCKS.load(Ordering::Relaxed), "{blocks} blocks");
        assert!(HANDLED.load(Ordering::Relaxed) == 1 && BESIDE.load(Ordering::Relaxed) > before);
    });
}
