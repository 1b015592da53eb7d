//! Asking the host to follow an exec.

use core::sync::atomic::Ordering;

use midstride_os::futex::{self, Scope};
use midstride_os::thread;
use midstride_os::time::Timespec;
use midstride_tracer_abi::{Control, Request, kind, state};

/// No request: the exec is made natively.
pub(crate) const NO_TICKET: u32 = u32::MAX;

/// Nanoseconds between looks whether the host still lives.
const PATIENCE_NS: u64 = 200_000_000;

/// Asks and waits until the host is attached; answers the request's number.
pub(crate) fn ask(control: &Control, slot: u32) -> u32 {
    if control.closing.load(Ordering::Acquire) != 0 {
        return NO_TICKET;
    }
    let Some((number, request)) = claim(control) else { return NO_TICKET };
    request.kind.store(kind::EXEC, Ordering::Relaxed);
    request.pid.store(thread::getpid() as u32, Ordering::Relaxed);
    request.tid.store(thread::gettid() as u32, Ordering::Relaxed);
    request.slot.store(slot, Ordering::Relaxed);
    // ORDERING: release, so that the host sees the fields once it sees the state.
    request.state.store(state::POSTED, Ordering::Release);
    ring(control);
    match wait(control, request) {
        state::READY => number,
        _ => {
            request.state.store(state::FREE, Ordering::Release);
            NO_TICKET
        }
    }
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
    loop {
        let now = request.state.load(Ordering::Acquire);
        if now == state::READY || now == state::REFUSED {
            return now;
        }
        let patience = Timespec::from_nanos(PATIENCE_NS);
        let _ = futex::wait(&request.state, now, Some(&patience), Scope::Shared);
        let host = control.host_pid.load(Ordering::Relaxed) as i32;
        let gone = thread::tgkill(host, host, 0) == Err(midstride_os::Errno::ESRCH);
        if now == state::POSTED && (gone || control.closing.load(Ordering::Acquire) != 0) {
            return state::REFUSED;
        }
    }
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
