//! `poll_oneoff`

use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::abi::{Filetype, Rights, put};
use crate::call::{Call, Done};
use crate::clocks::{MONOTONIC, REALTIME};
use crate::errno::Errno;
use crate::object::Object;
use crate::stop::{Exit, Stop};
use crate::version::SubscriptionLayout;
use crate::wasi::Wasi;

/// Most subscriptions of one call.
const MOST: u32 = 1 << 16;
const EVENT_BYTES: u64 = 32;

/// What the guest waits for.
struct Subscription {
    userdata: u64,
    /// As the guest wrote it; it comes back in the event.
    tag: u8,
    wish: Result<Wish, Errno>,
}

#[derive(Clone, Copy)]
enum Wish {
    /// Until a clock shows a time.
    Time { clock: u32, deadline: u64 },
    /// Until a descriptor can be read or written.
    Ready { fd: u32, events: PollFlags },
}

/// What became of a subscription.
struct Event {
    errno: Errno,
    bytes: u64,
    hang_up: bool,
}

pub(crate) fn oneoff(call: &mut Call<'_>) -> Done {
    let count = call.u32(2);
    if count == 0 || count > MOST {
        return Err(Errno::Inval.into());
    }
    let bytes = call.version.subscription.bytes;
    let list = call.room(0, u64::from(count) * bytes)?;
    let (events, out) = (call.room(1, u64::from(count) * EVENT_BYTES)?, call.room(3, 4)?);
    let since = *call.waited.get_or_insert(call.wasi.clocks.monotonic());
    let subscriptions: Vec<_> = (0..u64::from(count))
        .map(|index| Subscription::read(call, list + index * bytes, since))
        .collect::<Result<_, _>>()?;
    let happened = wait(call.wasi, &subscriptions)?;
    for (at, (subscription, event)) in (events..).step_by(EVENT_BYTES as usize).zip(&happened) {
        call.put(at, &event.bytes(subscription))?;
    }
    call.put_u32(out, happened.len() as u32)
}

impl Subscription {
    /// The one at `at`. Time that is relative counts from `since`, when the call was first made.
    fn read(call: &Call<'_>, at: u64, since: u64) -> Result<Self, Stop> {
        let SubscriptionLayout { bytes, clock } = call.version.subscription;
        let mut record = vec![0; bytes as usize];
        call.memory.read(at, &mut record)?;
        let field =
            |at: usize| u64::from_le_bytes(record[at..at + 8].first_chunk().copied().unwrap_or([0; 8]));
        let ready = |events| Ok(Wish::Ready { fd: field(16) as u32, events });
        let wish = match record[8] {
            0 => time(field(clock) as u32, field(clock + 8), field(clock + 24) as u16, since),
            1 => ready(PollFlags::IN),
            2 => ready(PollFlags::OUT),
            _ => return Err(Errno::Inval.into()),
        };
        Ok(Self { userdata: field(0), tag: record[8], wish })
    }
}

/// Flag of a clock subscription: the time is one the clock shows.
const ABSOLUTE: u16 = 1;

fn time(clock: u32, timeout: u64, flags: u16, since: u64) -> Result<Wish, Errno> {
    match (clock, flags) {
        (REALTIME | MONOTONIC, ABSOLUTE) => Ok(Wish::Time { clock, deadline: timeout }),
        // Spans of time are the same by both.
        (REALTIME | MONOTONIC, 0) => {
            Ok(Wish::Time { clock: MONOTONIC, deadline: since.saturating_add(timeout) })
        }
        (2 | 3, _) => Err(Errno::NotSup),
        _ => Err(Errno::Inval),
    }
}

/// Waits until something has happened, and gives all that has.
fn wait<'a>(wasi: &Wasi, subscriptions: &'a [Subscription]) -> Result<Vec<(&'a Subscription, Event)>, Stop> {
    loop {
        let (mut fds, places, left) = prepare(wasi, subscriptions);
        let timeout = (left < u64::MAX).then(|| timespec(left));
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let happened: Vec<_> = subscriptions
            .iter()
            .zip(places)
            .filter_map(|(subscription, place)| Some((subscription, place.event(wasi, subscription, &fds)?)))
            .collect();
        if !happened.is_empty() {
            return Ok(happened);
        }
        if !fds[0].revents().is_empty() {
            return Err(Exit::Interrupted.into());
        }
    }
}

/// What to ask the host, the interrupt first; where each subscription is in it; and how many nanoseconds
/// to wait at most.
fn prepare<'a>(wasi: &'a Wasi, subscriptions: &[Subscription]) -> (Vec<PollFd<'a>>, Vec<Place>, u64) {
    let mut fds = vec![PollFd::new(&wasi.interrupt, PollFlags::IN)];
    let mut left = u64::MAX;
    let mut places = Vec::with_capacity(subscriptions.len());
    for subscription in subscriptions {
        places.push(match look(wasi, subscription) {
            State::Waits { left: mine } => {
                left = left.min(mine);
                Place::Waits
            }
            State::Polls { fd, events } => {
                fds.push(PollFd::from_borrowed_fd(fd, events));
                Place::Polls(fds.len() - 1)
            }
            State::Happened(event) => {
                left = 0;
                Place::Happened(event)
            }
        });
    }
    (fds, places, left)
}

/// How a subscription stands before waiting.
enum State<'a> {
    /// Nanoseconds until it happens.
    Waits {
        left: u64,
    },
    /// The host knows.
    Polls {
        fd: BorrowedFd<'a>,
        events: PollFlags,
    },
    Happened(Event),
}

/// The same, when the list for the host is made: an index in it.
enum Place {
    Waits,
    Polls(usize),
    Happened(Event),
}

impl Place {
    /// What has happened after waiting.
    fn event(self, wasi: &Wasi, subscription: &Subscription, fds: &[PollFd<'_>]) -> Option<Event> {
        match self {
            Self::Happened(event) => Some(event),
            Self::Waits => match look(wasi, subscription) {
                State::Happened(event) => Some(event),
                _ => None,
            },
            Self::Polls(index) => {
                let revents = fds[index].revents();
                (!revents.is_empty()).then(|| polled(wasi, subscription, revents))
            }
        }
    }
}

fn polled(wasi: &Wasi, subscription: &Subscription, revents: PollFlags) -> Event {
    let waiting = match subscription.wish {
        Ok(Wish::Ready { fd, events: PollFlags::IN }) => {
            let host = wasi.table.get(fd).ok().and_then(|descriptor| descriptor.object.host());
            host.and_then(|fd| rustix::io::ioctl_fionread(fd).ok()).unwrap_or(0)
        }
        _ => 0,
    };
    let errno = if revents.contains(PollFlags::NVAL) { Errno::Badf } else { Errno::Success };
    Event { errno, bytes: waiting, hang_up: revents.contains(PollFlags::HUP) }
}

fn look<'a>(wasi: &'a Wasi, subscription: &Subscription) -> State<'a> {
    match subscription.wish {
        Err(errno) => State::Happened(Event::failed(errno)),
        Ok(Wish::Time { clock, deadline }) => match wasi.clocks.time(clock) {
            Err(errno) => State::Happened(Event::failed(errno)),
            Ok(now) if now >= deadline => State::Happened(Event::ready(0)),
            Ok(now) => State::Waits { left: deadline - now },
        },
        Ok(Wish::Ready { fd, events }) => {
            look_at(wasi, fd, events).unwrap_or_else(|errno| State::Happened(Event::failed(errno)))
        }
    }
}

fn look_at(wasi: &Wasi, fd: u32, events: PollFlags) -> Result<State<'_>, Errno> {
    let object = &wasi.table.with(fd, Rights::POLL_FD_READWRITE)?.object;
    Ok(match object {
        Object::Null => State::Happened(Event::ready(0)),
        Object::Memory(pipe) => State::Happened(Event::ready(pipe.len() as u64)),
        Object::Directory(_) => return Err(Errno::Badf),
        Object::Handle(handle) if handle.filetype == Filetype::RegularFile => {
            State::Happened(Event::ready(bytes_left(object).unwrap_or(0)))
        }
        Object::Handle(handle) => State::Polls { fd: handle.as_fd(), events },
    })
}

/// How much of a file is behind its offset.
fn bytes_left(object: &Object) -> Result<u64, Errno> {
    let offset = rustix::fs::tell(object.regular()?)?;
    Ok(object.filestat()?.size.saturating_sub(offset))
}

impl Event {
    fn ready(bytes: u64) -> Self {
        Self { errno: Errno::Success, bytes, hang_up: false }
    }

    fn failed(errno: Errno) -> Self {
        Self { errno, ..Self::ready(0) }
    }

    fn bytes(&self, subscription: &Subscription) -> [u8; EVENT_BYTES as usize] {
        let mut out = [0; EVENT_BYTES as usize];
        put(&mut out, 0, &subscription.userdata.to_le_bytes());
        put(&mut out, 8, &self.errno.raw().to_le_bytes());
        out[10] = subscription.tag;
        put(&mut out, 16, &self.bytes.to_le_bytes());
        out[24] = u8::from(self.hang_up);
        out
    }
}

fn timespec(nanoseconds: u64) -> Timespec {
    Timespec {
        tv_sec: (nanoseconds / 1_000_000_000).cast_signed(),
        tv_nsec: (nanoseconds % 1_000_000_000).cast_signed(),
    }
}
