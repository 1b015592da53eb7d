//! The tracer as a library: threads of this very process are followed through whatever programs do.
//!
//! The process's allocator aborts when the engine calls it.

mod allocator;
mod alone;
mod calls;
mod changes;
mod cpp;
mod edges;
mod machine;
mod processes;
mod signals;
mod threads;
mod tools;
mod tour;

use std::sync::OnceLock;

use midstride_tracer::follow::{Config, Draft, Follower, Options, Tool, unfollow_me};

/// A cache that many followers of one process can have.
fn small() -> Options {
    Options { cache: Config { hot_bytes: 1 << 20, ..Config::default() }, ..Options::default() }
}

/// A follower for tests that change nothing.
fn plain() -> Follower<fn(&mut Draft)> {
    static PLAIN: OnceLock<Follower<fn(&mut Draft)>> = OnceLock::new();
    fn nothing(_: &mut Draft) {}
    *PLAIN.get_or_init(|| Follower::with_options(nothing as fn(&mut Draft), small()).expect("a follower"))
}

/// Runs `work` followed.
fn followed<T: Tool, R>(follower: Follower<T>, work: impl FnOnce() -> R) -> R {
    // SAFETY: tools of these tests change their tests' own code only, which is written for it; code is
    // unloaded by followed threads, or not while it runs.
    unsafe { follower.follow_me() }.expect("the thread can be followed");
    let result = work();
    unfollow_me();
    result
}
