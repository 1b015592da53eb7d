//! Asking the host to follow an exec.

use core::sync::atomic::{AtomicU64, Ordering};

use midstride_engine::ThreadContext;
use midstride_os::futex::{self, Scope};
use midstride_os::time::{Clock, Timespec, clock_gettime};
use midstride_os::{Errno, thread};
use midstride_tracer_abi::{Control, Request, kind, state};

use crate::privilege;

/// No request: the exec is made natively.
pub(crate) const NO_TICKET: u32 = u32::MAX;

/// Nanoseconds between looks whether the host still lives.
const PATIENCE_NS: u64 = 200_000_000;
/// Looks after which a host that cannot be seen is gone: one in another pid namespace never can.
const LOOKS: u32 = 10;

/// Asks and waits until the host is attached; answers the request's number.
pub(crate) fn ask(control: &Control, slot: u32, cx: &ThreadContext) -> u32 {
    if control.closing.load(Ordering::Acquire) != 0 {
        return NO_TICKET;
    }
    let withheld = control.withholds.load(Ordering::Relaxed) != 0 && privilege::are_gained(cx);
    let Some((number, request)) = claim(control) else { return NO_TICKET };
    let proof = AtomicU64::new(nonce());
    request.kind.store(if withheld { kind::PRIVILEGED } else { kind::EXEC }, Ordering::Relaxed);
    request.pid.store(thread::getpid() as u32, Ordering::Relaxed);
    request.tid.store(thread::gettid() as u32, Ordering::Relaxed);
    request.slot.store(slot, Ordering::Relaxed);
    request.proof_at.store(proof.as_ptr().expose_provenance() as u64, Ordering::Relaxed);
    request.proof.store(proof.load(Ordering::Relaxed), Ordering::Relaxed);
    // ORDERING: release, so that the host sees the fields once it sees the state.
    request.state.store(state::POSTED, Ordering::Release);
    ring(control);
    if wait(control, request) == state::READY {
        return number;
    }
    request.state.store(state::FREE, Ordering::Release);
    NO_TICKET
}

/// A number that no other thread has there.
fn nonce() -> u64 {
    let now = clock_gettime(Clock::Monotonic).map_or(0, |now| now.as_nanos());
    now.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (thread::gettid() as u64) << 32
}

/// Wakes the host.
fn ring(control: &Control) {
    control.doorbell.fetch_add(1, Ordering::Release);
    let _ = futex::wake(&control.doorbell, 1, Scope::Shared);
}

fn claim(control: &Control) -> Option<(u32, &Request)> {
    (0..).zip(&control.requests).find(|(_, request)| {
        let (free, claimed) = (state::FREE, state::CLAIMED);
        request.state.compare_exchange(free, claimed, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    })
}

/// The host's answer.
fn wait(control: &Control, request: &Request) -> u32 {
    let mut looks = 0;
    loop {
        let now = request.state.load(Ordering::Acquire);
        if now == state::READY || now == state::REFUSED {
            return now;
        }
        let patience = Timespec::from_nanos(PATIENCE_NS);
        let timed_out = futex::wait(&request.state, now, Some(&patience), Scope::Shared).is_err();
        let host = control.host_pid.load(Ordering::Relaxed) as i32;
        looks += u32::from(timed_out && thread::tgkill(host, host, 0) == Err(Errno::ESRCH));
        let closing = now == state::POSTED && control.closing.load(Ordering::Acquire) != 0;
        if (closing || looks > LOOKS) && withdraw(request, now) {
            return state::REFUSED;
        }
    }
}

/// Takes a request back, unless the host has gone on with it.
fn withdraw(request: &Request, now: u32) -> bool {
    request.state.compare_exchange(now, state::REFUSED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// The exec failed: the host shall let go before the program goes on.
pub(crate) fn cancel(control: &Control, ticket: u32) {
    let Some(request) = control.requests.get(ticket as usize) else { return };
    request.state.store(state::CANCELLED, Ordering::Release);
    ring(control);
    while request.state.load(Ordering::Acquire) == state::CANCELLED {
        let patience = Timespec::from_nanos(PATIENCE_NS);
        let _ = futex::wait(&request.state, state::CANCELLED, Some(&patience), Scope::Shared);
    }
}
