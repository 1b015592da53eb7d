//! Children: by fork they stay followed, otherwise they run natively.

use std::process::Command;
use std::sync::mpsc;
use std::thread;

use midstride_tracer::follow::{Draft, FollowError, Follower, is_following_me, unfollow_me};

use crate::{alone, followed, plain, small};

/// The exit status of a child that runs `work`.
fn forked(work: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child only does what its tests are about, then ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let status = work();
        // SAFETY: ends the child without running the parent's destructors.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -status }
}

#[inline(never)]
fn work(n: u64) -> u64 {
    (0..n).fold(0, |sum, n| std::hint::black_box(sum) ^ n.rotate_left(7))
}

#[test]
fn a_forked_child_stays_followed_with_a_cache_of_its_own() {
    alone::run("processes::a_forked_child_stays_followed_with_a_cache_of_its_own", || {
        let native = work(1000);
        let (first, second, after) = followed(plain(), || {
            let first = forked(|| {
                let same = work(1000) == native && is_following_me();
                unfollow_me();
                i32::from(same && !is_following_me() && work(1000) == native) + 10
            });
            let second = forked(|| forked(|| i32::from(is_following_me()) + 20) + 1);
            (first, second, work(1000) == native && is_following_me())
        });
        assert_eq!((first, second, after), (11, 22, true));
    });
}

#[test]
fn a_forked_child_has_the_handlers_back_when_it_leaves() {
    extern "C" fn handler(_: i32) {}
    let installed = || {
        // SAFETY: all zeros is an action.
        let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: only asks.
        assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, std::ptr::null(), &raw mut now) }, 0);
        now.sa_sigaction
    };
    alone::run("processes::a_forked_child_has_the_handlers_back_when_it_leaves", || {
        let own = handler as extern "C" fn(i32) as usize;
        // SAFETY: the handler takes one argument.
        unsafe { libc::signal(libc::SIGUSR1, own) };
        let (entered, begun) = mpsc::channel();
        let (leave, until) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            followed(plain(), || {
                entered.send(()).expect("it listens");
                until.recv().expect("it says when");
            });
        });
        begun.recv().expect("it begins");
        let status = followed(plain(), || {
            forked(|| {
                unfollow_me();
                i32::from(installed() == own)
            })
        });
        let while_another_is_followed = installed();
        leave.send(()).expect("it listens");
        other.join().expect("it ends");
        assert_eq!((status, installed()), (1, own));
        assert_ne!(while_another_is_followed, own);
    });
}

#[test]
fn commands_run_natively_and_their_output_comes() {
    let output = followed(plain(), || {
        let child = Command::new("/bin/sh").args(["-c", "echo out; exit 3"]).output().expect("a shell");
        (String::from_utf8(child.stdout).expect("text"), child.status.code(), is_following_me())
    });
    assert_eq!(output, ("out\n".to_owned(), Some(3), true));
}

#[test]
fn a_child_that_an_unfollowed_thread_forked_needs_its_own_follower() {
    alone::run("processes::a_child_that_an_unfollowed_thread_forked_needs_its_own_follower", || {
        assert_eq!(followed(plain(), || work(10)), work(10));
        let status = forked(|| {
            // SAFETY: the tool changes nothing.
            let old = unsafe { plain().follow_me() };
            let new = Follower::with_options(|_: &mut Draft| {}, small()).expect("a follower");
            i32::from(old == Err(FollowError::Forked)) + i32::from(followed(new, || work(10) == work(10)))
        });
        assert_eq!(status, 2);
    });
}
