//! Signals to the host and job control.
//!
//! The program is in the host's process group: what a terminal sends reaches both, so the host only passes
//! on what another process sent. When that process sent it to the whole group the program gets it twice,
//! which nobody can tell from outside; for signals that are pending it makes no difference.

use std::fs;
use std::time::{Duration, Instant};

use super::session::Session;
use crate::sys::{self, Delivery, Pending, Pid};

/// Signals that are the host's own business.
const OWN: [i32; 3] = [libc::SIGCHLD, libc::SIGTSTP, libc::SIGCONT];
/// How long the program has to go on by itself after the host was continued.
const CONTINUE_GRACE: Duration = Duration::from_millis(20);

impl Session {
    /// Sends the program what somebody sent to the host.
    pub(super) fn pass_on(&mut self, pending: Pending) {
        if pending.from == Delivery::Process && !OWN.contains(&pending.signal) {
            // Fails when the program has ended, which is seen next.
            drop(sys::send_signal(self.main, pending.signal));
        }
    }

    /// The program was stopped by `signal`: so is the host, that its shell sees it.
    pub(super) fn stop_with_program(&mut self, signal: i32) {
        sys::stop_self(signal);
        self.continue_at = Some(Instant::now() + CONTINUE_GRACE);
    }

    /// A shell continues the whole group; somebody who continued only the host meant the program. Answers
    /// how long the host may sleep.
    pub(super) fn continue_late(&mut self) -> Option<Duration> {
        let left = self.continue_at?.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Some(left);
        }
        self.continue_at = None;
        if is_stopped(self.main) {
            // Fails when the program has ended, which is seen next.
            drop(sys::send_signal(self.main, libc::SIGCONT));
        }
        None
    }
}

/// Whether job control has stopped a process.
fn is_stopped(pid: Pid) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before the state may hold anything, a parenthesis too.
    let name_end = stat.iter().rposition(|&byte| byte == b')');
    name_end.and_then(|end| stat.get(end + 2)) == Some(&b'T')
}
