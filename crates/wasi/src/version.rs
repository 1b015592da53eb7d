//! What differs between versions of the interface.

/// A version: the name of its module, and where things are in what guests and hosts exchange.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) module: &'static str,
    pub(crate) filestat: FilestatLayout,
    pub(crate) subscription: SubscriptionLayout,
    /// What each number for a place to seek from means.
    pub(crate) whence: [Whence; 3],
}

/// Offsets in a `filestat`.
#[derive(Debug)]
pub(crate) struct FilestatLayout {
    pub(crate) bytes: u32,
    /// Of the number of links, which ends where the size begins.
    pub(crate) nlink: usize,
    pub(crate) size: usize,
}

/// Offsets in a `subscription`.
#[derive(Debug)]
pub(crate) struct SubscriptionLayout {
    pub(crate) bytes: u64,
    /// Of a clock's number; its other fields follow.
    pub(crate) clock: usize,
}

/// A place to seek from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whence {
    Start,
    Current,
    End,
}

/// Preview 1.
pub(crate) static PREVIEW1: Version = Version {
    module: "wasi_snapshot_preview1",
    filestat: FilestatLayout { bytes: 64, nlink: 24, size: 32 },
    subscription: SubscriptionLayout { bytes: 48, clock: 16 },
    whence: [Whence::Start, Whence::Current, Whence::End],
};

/// The one before it ("snapshot 0"), which programs of 2019 and 2020 use: a link count of 32 bits, a name
/// for each clock that is waited for, and other numbers for places to seek from.
pub(crate) static UNSTABLE: Version = Version {
    module: "wasi_unstable",
    filestat: FilestatLayout { bytes: 56, nlink: 20, size: 24 },
    subscription: SubscriptionLayout { bytes: 56, clock: 24 },
    whence: [Whence::Current, Whence::End, Whence::Start],
};
