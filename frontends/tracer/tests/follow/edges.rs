//! What is refused.

use std::thread;

use midstride_tracer::follow::{FollowError, is_following_me};

use crate::{followed, plain};

const ARCH_SET_GS: i32 = 0x1001;
const ARCH_GET_GS: i32 = 0x1004;

fn arch_prctl(code: i32, value: u64) -> (i64, Option<i32>) {
    // SAFETY: GS is not used by this program; the kernel checks the pointer it writes to.
    let answer = unsafe { libc::syscall(libc::SYS_arch_prctl, code, value) };
    (answer, (answer < 0).then(|| std::io::Error::last_os_error().raw_os_error()).flatten())
}

#[test]
fn a_thread_that_uses_gs_is_refused() {
    thread::spawn(|| {
        assert_eq!(arch_prctl(ARCH_SET_GS, 0x5000).0, 0);
        // SAFETY: the tool changes nothing.
        let refused = unsafe { plain().follow_me() };
        assert_eq!(refused, Err(FollowError::SegmentInUse { base: 0x5000 }));
        assert_eq!(arch_prctl(ARCH_SET_GS, 0).0, 0);
        // SAFETY: as above.
        assert!(followed(plain(), is_following_me));
    })
    .join()
    .expect("the thread ends");
}

#[test]
fn gs_cannot_be_taken_from_the_engine() {
    let mut base = 1u64;
    let answers = followed(plain(), || {
        let asked = arch_prctl(ARCH_GET_GS, (&raw mut base) as u64);
        (asked.0, arch_prctl(ARCH_SET_GS, 0x5000), arch_prctl(ARCH_SET_GS, 0))
    });
    assert_eq!(answers, (0, (-1, Some(libc::EPERM)), (0, None)));
    assert_eq!(base, 0);
}

#[test]
fn errors_say_what_is_wrong() {
    let text = FollowError::SegmentInUse { base: 0x5000 }.to_string();
    assert_eq!(text, "the thread uses the GS segment, based at 0x5000");
}
