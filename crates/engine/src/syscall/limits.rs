//! Limits of address space and data that the program sets: they are meant for its own memory, and the engine's
//! lies beside it.
//!
//! The kernel is given the program's value and what the engine takes, and the program is shown its own value as long
//! as the kernel has the one that was made of it. The policy remembers which was made of which, over forks and
//! execs, where limits are inherited.
#![allow(unsafe_code, reason = "makes the system call with arguments of its own")]

use midstride_os::{Errno, answer, nr, syscall4, thread};
use midstride_slab::Slab;

use super::{Verdict, argument};
use crate::context::ThreadContext;
use crate::engine::Engine;
use crate::memory::{read_app, write_app};
use crate::policy::Policy;

/// A soft and a hard limit in bytes, [`Limits::NONE`] for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Limits {
    /// What is enforced.
    pub soft: u64,
    /// What the soft one may be raised to.
    pub hard: u64,
}

impl Limits {
    /// `RLIM_INFINITY`.
    pub const NONE: u64 = u64::MAX;

    /// What the kernel is told where the program says this: `room` more, but no more than is allowed now where
    /// the program keeps to what it sees.
    fn enlarged(self, room: u64, now: Self, seen: Self) -> Self {
        let most = if self.hard <= seen.hard { now.hard } else { Self::NONE };
        let add = |limit: u64| if limit == Self::NONE { limit } else { limit.saturating_add(room).min(most) };
        Self { soft: add(self.soft), hard: add(self.hard) }
    }
}

/// The limits that count the engine's memory too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limited {
    /// `RLIMIT_AS`.
    Addresses,
    /// `RLIMIT_DATA`.
    Data,
}

impl Limited {
    /// The kernel's number.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Addresses => 9,
            Self::Data => 2,
        }
    }

    fn of(number: u64) -> Option<Self> {
        [Self::Addresses, Self::Data].into_iter().find(|limited| limited.number() == number)
    }

    /// The calling process's limits, as the kernel has them.
    ///
    /// # Errors
    /// The kernel's.
    pub fn now(self) -> Result<Limits, Errno> {
        let mut now = Limits { soft: 0, hard: 0 };
        self.call(0, core::ptr::from_mut(&mut now).expose_provenance() as u64).map(|()| now)
    }

    fn set(self, to: Limits) -> Result<(), Errno> {
        self.call(core::ptr::from_ref(&to).expose_provenance() as u64, 0)
    }

    fn call(self, new: u64, old: u64) -> Result<(), Errno> {
        // SAFETY: both addresses are 0 or those of a `Limits` of the callers above.
        answer(unsafe { syscall4(nr::PRLIMIT64, 0, self.number(), new, old) }).map(drop)
    }
}

/// What the program wants: where the new limits lie, and where it wants the old ones; 0 for nowhere.
struct Wish {
    limited: Limited,
    new: u64,
    old: u64,
}

impl Wish {
    /// `None` when the call is about something else.
    fn of(cx: &ThreadContext) -> Option<Self> {
        use midstride_asm::Gpr;
        let (resource, new, old) = match cx.state.get(Gpr::Rax) {
            nr::SETRLIMIT => (argument(cx, 0), argument(cx, 1), 0),
            nr::GETRLIMIT => (argument(cx, 0), 0, argument(cx, 1)),
            _ if ![0, thread::getpid()].contains(&(argument(cx, 0) as i32)) => return None,
            _ => (argument(cx, 1), argument(cx, 2), argument(cx, 3)),
        };
        let limited = Limited::of(u64::from(resource as u32))?;
        // Without an address to read or write, the kernel has the error.
        (new != 0 || old != 0).then_some(Self { limited, new, old })
    }
}

impl<P: Policy> Engine<P> {
    pub(super) fn limit(&self, cx: &mut ThreadContext) -> Verdict {
        let Some(wish) = Wish::of(cx) else { return Verdict::Call };
        Verdict::Answer(self.grant(&wish).map_or_else(|error: Errno| error.raw(), |()| 0))
    }

    fn grant(&self, wish: &Wish) -> Result<(), Errno> {
        let now = wish.limited.now()?;
        let seen = self.policy.own_limits(wish.limited, now).unwrap_or(now);
        if wish.new != 0 {
            let new = read_limits(wish.new)?;
            if new.soft > new.hard {
                return Err(Errno::EINVAL);
            }
            let told = new.enlarged(self.room(wish.limited), now, seen);
            self.policy.remember_limits(wish.limited, told, new);
            wish.limited.set(told)?;
        }
        if wish.old == 0 { Ok(()) } else { write_limits(wish.old, seen) }
    }

    /// What the engine takes now, and may need for what the program does next.
    fn room(&self, limited: Limited) -> u64 {
        const MORE: u64 = 64 << 20;
        let mut shared = self.lock();
        let regions = shared.cache.regions_mut();
        let sum = |slabs: &[Slab]| -> u64 {
            let of = |slab| regions.iter().map(move |(_, region)| region.sizes().of(slab)).sum::<u64>();
            slabs.iter().map(|&slab| of(slab)).sum()
        };
        let own = match limited {
            // Code has two views, and before a fork there is a copy of it.
            Limited::Addresses => 3 * sum(&[Slab::Hot, Slab::Cold]) + sum(&[Slab::Data]),
            Limited::Data => sum(&[Slab::Data]),
        };
        let heap = match limited {
            Limited::Addresses => self.heap.0.claimed_bytes(),
            Limited::Data => self.heap.0.mapped_bytes(),
        };
        own + heap as u64 + self.policy.mapped_bytes() + self.low.len() + MORE
    }
}

fn read_limits(address: u64) -> Result<Limits, Errno> {
    let mut words = [[0; 8]; 2];
    read_app(address, words.as_flattened_mut())?;
    Ok(Limits { soft: u64::from_ne_bytes(words[0]), hard: u64::from_ne_bytes(words[1]) })
}

fn write_limits(address: u64, limits: Limits) -> Result<(), Errno> {
    write_app(address, [limits.soft.to_ne_bytes(), limits.hard.to_ne_bytes()].as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Limits = Limits { soft: Limits::NONE, hard: Limits::NONE };

    #[test]
    fn room_is_added_to_both_limits_and_to_no_limit() {
        let wish = Limits { soft: 100, hard: 200 };
        assert_eq!(wish.enlarged(7, NONE, NONE), Limits { soft: 107, hard: 207 });
        assert_eq!(NONE.enlarged(7, NONE, NONE), NONE);
    }

    #[test]
    fn a_hard_limit_set_from_outside_is_kept_to() {
        let outside = Limits { soft: 300, hard: 300 };
        let wish = Limits { soft: 100, hard: 298 };
        assert_eq!(wish.enlarged(7, outside, outside), Limits { soft: 107, hard: 300 });
    }

    #[test]
    fn a_hard_limit_is_not_raised_unnoticed() {
        let (now, seen) = (Limits { soft: 207, hard: 207 }, Limits { soft: 200, hard: 200 });
        assert_eq!(seen.enlarged(9, now, seen), now);
        let more = Limits { soft: 201, hard: 201 };
        assert!(more.enlarged(7, now, seen).hard > now.hard, "which the kernel refuses");
    }
}
