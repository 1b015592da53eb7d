//! Who posted a request.
//!
//! A runtime knows its process by the number it has in its own pid namespace, by which the host may know
//! somebody else. So a requester shows a word in its memory that nobody else has.

use std::fs;
use std::sync::atomic::Ordering;

use midstride_tracer_abi::Request;

use crate::sys::{self, Pid};

/// The requester as the host numbers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Requester {
    pub(super) pid: Pid,
    pub(super) tid: Pid,
}

/// What a request says of its requester.
#[derive(Clone, Copy)]
struct Claim {
    pid: Pid,
    tid: Pid,
    proof_at: u64,
    proof: u64,
}

impl Claim {
    fn read(request: &Request) -> Self {
        Self {
            pid: request.pid.load(Ordering::Relaxed) as Pid,
            tid: request.tid.load(Ordering::Relaxed) as Pid,
            proof_at: request.proof_at.load(Ordering::Relaxed),
            proof: request.proof.load(Ordering::Relaxed),
        }
    }

    /// Whether `pid` has the word.
    fn is_shown_by(&self, pid: Pid) -> bool {
        let mut word = [0; 8];
        let read = sys::read_memory(pid, self.proof_at, &mut word);
        read.is_ok() && u64::from_ne_bytes(word) == self.proof
    }

    /// The requester among the processes of other pid namespaces.
    fn find_elsewhere(&self) -> Option<Requester> {
        let mut processes = numbers_in("/proc").filter(|&pid| numbered_inside(pid) == Some(self.pid));
        let pid = processes.find(|&pid| self.is_shown_by(pid))?;
        let threads = format!("/proc/{pid}/task");
        let tid = numbers_in(&threads).find(|&tid| numbered_inside(tid) == Some(self.tid))?;
        Some(Requester { pid, tid })
    }
}

/// Finds the requester; none when it is gone, or out of sight.
pub(super) fn find(request: &Request) -> Option<Requester> {
    let claim = Claim::read(request);
    if claim.pid <= 0 || claim.tid <= 0 {
        return None;
    }
    match claim.is_shown_by(claim.tid) {
        true => Some(Requester { pid: claim.pid, tid: claim.tid }),
        false => claim.find_elsewhere(),
    }
}

/// Whether `tid` has ended, waited for or not.
pub(super) fn has_ended(tid: Pid) -> bool {
    field(tid, "State:").is_none_or(|state| state.starts_with(['Z', 'X']))
}

/// Who traces thread `tid`; 0 when nobody.
pub(super) fn tracer_of(tid: Pid) -> u32 {
    field(tid, "TracerPid:").and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn numbers_in(directory: &str) -> impl Iterator<Item = Pid> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The number that `tid` has in its own pid namespace, when that is not the host's.
fn numbered_inside(tid: Pid) -> Option<Pid> {
    let numbers = field(tid, "NSpid:")?;
    numbers.split_whitespace().skip(1).last()?.parse().ok()
}

fn field(tid: Pid, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicU64};

    use super::*;

    fn request(proof_at: &AtomicU64, proof: u64) -> Request {
        let number = AtomicU32::new;
        Request {
            state: number(0),
            kind: number(0),
            pid: number(std::process::id()),
            tid: number(std::process::id()),
            slot: number(0),
            proof_at: AtomicU64::new(proof_at.as_ptr().expose_provenance() as u64),
            proof: AtomicU64::new(proof),
        }
    }

    #[test]
    fn a_requester_is_who_shows_the_word() {
        let (word, me) = (AtomicU64::new(77), std::process::id() as Pid);
        assert_eq!(find(&request(&word, 77)), Some(Requester { pid: me, tid: me }));
        assert_eq!(find(&request(&word, 78)), None, "somebody else of that number");
    }
}
