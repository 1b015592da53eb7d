//! Code that changes, comes and goes, and caches that are too small.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use midstride_tracer::follow::{Config, Draft, Follower, Options, is_following_me};

use crate::machine::range_of;
use crate::{alone, followed, plain, small};

const PAGE: usize = 4096;

/// A page of code that can be written too.
struct CodePage(*mut u8);

// SAFETY: plain memory, used by one thread at a time.
unsafe impl Send for CodePage {}

impl CodePage {
    fn new() -> Self {
        let prot = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: the kernel chooses the place.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, prot, flags, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        Self(page.cast())
    }

    /// `mov eax, value; ret`
    fn write(&self, value: u32) {
        let [a, b, c, d] = value.to_le_bytes();
        let code = [0xb8, a, b, c, d, 0xc3];
        // SAFETY: the page is writable and has room.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), self.0, code.len()) };
    }

    fn call(&self) -> u32 {
        // SAFETY: `write` put a function of this type there.
        let function = unsafe { std::mem::transmute::<*mut u8, extern "C" fn() -> u32>(self.0) };
        function()
    }
}

impl Drop for CodePage {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`.
        unsafe { libc::munmap(self.0.cast(), PAGE) };
    }
}

#[test]
fn code_that_a_followed_thread_writes_runs_as_written() {
    alone::run("changes::code_that_a_followed_thread_writes_runs_as_written", || {
        // SAFETY: the default action needs nothing; the engine must not rely on a handler.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        let values = followed(plain(), || {
            let page = CodePage::new();
            let run = |value| {
                page.write(value);
                page.call()
            };
            (0..100).map(run).collect::<Vec<_>>()
        });
        assert!(values.into_iter().eq(0..100));
    });
}

#[test]
fn code_that_another_thread_maps_meanwhile_is_found() {
    let value = followed(plain(), || {
        let page = thread::spawn(|| {
            assert!(!is_following_me());
            let page = CodePage::new();
            page.write(77);
            page
        });
        let page = page.join().expect("it maps");
        (page.call(), is_following_me())
    });
    assert_eq!(value, (77, true));
}

#[test]
fn code_unmapped_natively_between_two_follows_is_forgotten() {
    let first = CodePage::new();
    first.write(1);
    let address = first.0;
    assert_eq!(followed(plain(), || first.call()), 1);
    drop(first);
    plain().forget_unmapped();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let prot = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    // SAFETY: replaces nothing.
    let again = unsafe { libc::mmap(address.cast(), PAGE, prot, flags, -1, 0) };
    if again != address.cast() {
        return; // Another test has mapped something there.
    }
    let second = CodePage(address);
    second.write(2);
    assert_eq!(followed(plain(), || second.call()), 2);
}

#[test]
fn an_invalidated_block_is_shown_again() {
    static SHOWN: AtomicU64 = AtomicU64::new(0);
    #[inline(never)]
    fn marked(n: u64) -> u64 {
        std::hint::black_box(n) ^ 0x55
    }
    let place = marked as fn(u64) -> u64 as usize as u64;
    let tool = move |block: &mut Draft| {
        SHOWN.fetch_add(u64::from(block.start().get() == place), Ordering::Relaxed);
    };
    let follower = Follower::with_options(tool, small()).expect("a follower");
    let shown = followed(follower, || {
        marked(1);
        marked(2);
        let once = SHOWN.load(Ordering::Relaxed);
        follower.invalidate(range_of(place, 1));
        marked(3);
        (once, SHOWN.load(Ordering::Relaxed))
    });
    assert_eq!(shown, (1, 2));
}

#[test]
fn a_tiny_cache_is_evicted_under_several_threads() {
    let cache = Config { hot_bytes: 64 << 10, units: 4, ..Config::default() };
    let options = Options { cache, ..Options::default() };
    let follower = Follower::with_options(|_: &mut Draft| {}, options).expect("a follower");
    let work = |seed: u64| {
        let mut text = String::new();
        for round in 0..12u64 {
            let mut numbers: Vec<f64> =
                (0..50).map(|n| ((n * 31 + round * seed) % 97) as f64 / 7.0).collect();
            numbers.sort_by(f64::total_cmp);
            text += &format!("{:.3}{:?}{:e}", numbers[7], &numbers[..3], numbers[40]);
            let fields: std::collections::HashMap<String, usize> =
                text.split('.').rev().take(20).map(|part| (part.to_uppercase(), part.len())).collect();
            text += &fields.values().sum::<usize>().to_string();
        }
        text
    };
    let threads: Vec<_> =
        (1..4).map(|seed| thread::spawn(move || (seed, followed(follower, || work(seed))))).collect();
    for thread in threads {
        let (seed, text) = thread.join().expect("the thread ends");
        assert_eq!(text, work(seed));
    }
    let stats = follower.stats().cache;
    assert!(stats.evictions > 10, "{stats:?}");
}
