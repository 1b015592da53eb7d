//! Entering, leaving and calling.

use std::ffi::{CStr, c_char, c_void};
use std::hint::black_box;

use midstride_tracer::follow::{Door, FollowError, is_following_me, is_in_engine, unfollow_me};

use crate::{followed, plain};

#[test]
fn what_follow_me_returns_to_is_followed() {
    assert!(!is_following_me());
    let inside = followed(plain(), is_following_me);
    assert!(inside && !is_following_me());
}

#[test]
fn a_thread_can_be_followed_again_and_again() {
    let before = plain().stats().left;
    for round in 0..500u64 {
        assert_eq!(followed(plain(), || black_box(round) + 1), round + 1);
    }
    assert!(plain().stats().left >= before + 500);
}

#[inline(never)]
fn deep(levels: u64) -> u64 {
    if levels == 0 {
        assert!(is_following_me());
        unfollow_me();
        assert!(!is_following_me());
        return 1;
    }
    black_box(deep(levels - 1)) + levels
}

#[test]
fn following_ends_deep_in_calls_and_callers_return_natively() {
    // SAFETY: the tool changes nothing.
    unsafe { plain().follow_me() }.expect("the thread can be followed");
    assert_eq!(deep(300), 1 + 300 * 301 / 2);
    assert!(!is_following_me());
}

#[inline(never)]
fn begin() {
    // SAFETY: the tool changes nothing.
    unsafe { plain().follow_me() }.expect("the thread can be followed");
}

#[test]
fn callers_of_whoever_follows_are_followed() {
    begin();
    let inside = is_following_me();
    unfollow_me();
    assert!(inside);
}

#[test]
fn a_followed_thread_cannot_be_followed_twice() {
    // SAFETY: the tool changes nothing.
    let error = followed(plain(), || unsafe { plain().follow_me() });
    assert_eq!(error, Err(FollowError::Followed));
    assert!(!is_following_me());
}

#[test]
fn ending_what_never_began_does_nothing() {
    unfollow_me();
    assert!(!is_following_me() && !is_in_engine());
}

#[test]
fn statistics_can_be_asked_while_followed() {
    let stats = followed(plain(), || plain().stats());
    assert!(stats.cache.blocks > 0 && stats.cache.links > 0 && stats.heap_bytes > 0);
    assert!(stats.entries[Door::Direct as usize] > 0);
}

extern "C" fn descending(a: *const c_void, b: *const c_void) -> i32 {
    // SAFETY: qsort passes elements of the array.
    let [a, b] = [a, b].map(|each| unsafe { *each.cast::<u32>() });
    b.cmp(&a) as i32
}

#[test]
fn c_library_functions_call_back_and_print() {
    let mut numbers: Vec<u32> = (0..500).map(|n| n * 7919 % 503).collect();
    let mut text: [c_char; 64] = [0; 64];
    let printed = followed(plain(), || {
        let (len, size) = (numbers.len(), size_of::<u32>());
        // SAFETY: the array is live and the comparator fits it.
        unsafe { libc::qsort(numbers.as_mut_ptr().cast(), len, size, Some(descending)) };
        let (at, room) = (text.as_mut_ptr(), text.len());
        // SAFETY: the format fits the arguments; a double goes through a vector register.
        unsafe {
            libc::snprintf(at, room, c"%s %.4f %#lx".as_ptr(), c"e".as_ptr(), std::f64::consts::E, 0xbeef_u64)
        }
    });
    // SAFETY: snprintf terminates its text.
    let text = unsafe { CStr::from_ptr(text.as_ptr()) };
    assert_eq!((printed, text), (15, c"e 2.7183 0xbeef"));
    assert!(numbers.is_sorted_by(|a, b| a > b));
}

#[test]
fn standard_output_is_written_by_printf() {
    crate::alone::run("calls::standard_output_is_written_by_printf", || {
        let mut ends = [0; 2];
        // SAFETY: two descriptors fit.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        // SAFETY: this process is the test's own; its standard output is put back.
        let kept = unsafe { libc::dup(1) };
        // SAFETY: as above.
        unsafe { libc::dup2(ends[1], 1) };
        followed(plain(), || {
            // SAFETY: the format fits the arguments.
            unsafe { libc::printf(c"%d followed lines\n".as_ptr(), 1) };
            // SAFETY: flushes all streams.
            unsafe { libc::fflush(std::ptr::null_mut()) };
        });
        // SAFETY: as above.
        unsafe { libc::dup2(kept, 1) };
        let mut buffer = [0u8; 64];
        // SAFETY: the buffer has that many bytes.
        let read = unsafe { libc::read(ends[0], buffer.as_mut_ptr().cast(), buffer.len()) };
        assert_eq!(&buffer[..read as usize], b"1 followed lines\n");
    });
}

#[test]
fn panics_unwind_through_followed_frames() {
    struct Bell<'a>(&'a mut u32);
    impl Drop for Bell<'_> {
        fn drop(&mut self) {
            *self.0 += 1;
        }
    }
    let mut rung = 0;
    let caught = followed(plain(), || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _bell = Bell(&mut rung);
            std::panic::resume_unwind(Box::new(black_box(42u32)));
        }));
        (result.unwrap_err().downcast_ref::<u32>().copied(), is_following_me())
    });
    assert_eq!((caught, rung), ((Some(42), true), 1));
}
