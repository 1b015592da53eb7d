//! Mappings.

use core::ops::BitOr;

use crate::errno::Errno;
use crate::nr;
use crate::sys::{answer, syscall1, syscall2, syscall3, syscall5, syscall6};

macro_rules! flag_set {
    ($(#[$doc:meta])* $type:ident { $($(#[$item:meta])* $name:ident = $value:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        #[repr(transparent)]
        pub struct $type(u32);

        impl $type {
            $($(#[$item])* pub const $name: Self = Self($value);)*

            /// Any bits.
            #[must_use]
            pub const fn from_bits(bits: u32) -> Self {
                Self(bits)
            }

            /// The bits as the kernel takes them.
            #[must_use]
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// Both together.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether all bits of `other` are set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }
    };
}

flag_set! {
    /// What a mapping allows (`PROT_*`).
    Prot {
        /// Nothing.
        NONE = 0;
        /// Reading.
        READ = 1;
        /// Writing.
        WRITE = 2;
        /// Execution.
        EXEC = 4;
        /// With [`mprotect`]: from here down to the start of a growing mapping.
        GROWSDOWN = 0x0100_0000;
    }
}

flag_set! {
    /// How a mapping is made (`MAP_*`).
    MapFlags {
        /// Writes are seen by everyone who maps the object.
        SHARED = 0x01;
        /// Writes are this process's own.
        PRIVATE = 0x02;
        /// Exactly here, whatever was here before.
        FIXED = 0x10;
        /// No file behind it.
        ANONYMOUS = 0x20;
        /// A stack: grows downwards by faults.
        GROWSDOWN = 0x0100;
        /// No swap space is set aside.
        NORESERVE = 0x4000;
        /// Pages are filled at once.
        POPULATE = 0x8000;
        /// For a stack; no effect.
        STACK = 0x2_0000;
        /// Exactly here or not at all (since Linux 4.17; older kernels take it for a hint).
        FIXED_NOREPLACE = 0x10_0000;
    }
}

flag_set! {
    /// How [`mremap`] moves (`MREMAP_*`).
    RemapFlags {
        /// To anywhere when it does not fit where it is.
        MAYMOVE = 1;
        /// To exactly the given address; needs [`MAYMOVE`](Self::MAYMOVE).
        FIXED = 2;
        /// Leaves the old range mapped, empty.
        DONTUNMAP = 4;
    }
}

/// [`madvise`] advice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
#[non_exhaustive]
pub enum Advice {
    /// Back to what is usual.
    Normal = 0,
    /// Will be needed soon.
    WillNeed = 3,
    /// Contents are not needed; private anonymous pages read zero afterwards.
    DontNeed = 4,
    /// Frees pages and swap of a shared object as well.
    Remove = 9,
    /// A forked child has nothing here.
    DontFork = 10,
    /// Transparent huge pages are welcome.
    HugePage = 14,
    /// Transparent huge pages are not.
    NoHugePage = 15,
    /// Not part of a core dump.
    DontDump = 16,
    /// A forked child reads zero here.
    WipeOnFork = 18,
    /// Fills page tables for reading.
    PopulateRead = 22,
    /// Fills page tables for writing.
    PopulateWrite = 23,
}

/// What stands behind a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backing {
    /// Zeros.
    Anonymous,
    /// A file from a page-aligned offset on.
    File {
        /// Its descriptor.
        fd: i32,
        /// Bytes from its start.
        offset: u64,
    },
}

/// Maps `bytes` at `address` (0: anywhere; a hint unless `flags` say otherwise); returns the address.
/// [`MapFlags::ANONYMOUS`] is added for [`Backing::Anonymous`].
///
/// # Errors
/// As mmap(2); `EEXIST` for [`MapFlags::FIXED_NOREPLACE`] over something.
///
/// # Safety
/// With [`MapFlags::FIXED`], nothing uses what the range held.
pub unsafe fn mmap(
    address: u64,
    bytes: u64,
    prot: Prot,
    flags: MapFlags,
    backing: Backing,
) -> Result<u64, Errno> {
    let (flags, fd, offset) = match backing {
        Backing::Anonymous => (flags | MapFlags::ANONYMOUS, -1, 0),
        Backing::File { fd, offset } => (flags, fd, offset),
    };
    let (prot, flags) = (u64::from(prot.bits()), u64::from(flags.bits()));
    // SAFETY: without FIXED the kernel only takes free addresses; with it the caller answers.
    answer(unsafe { syscall6(nr::MMAP, address, bytes, prot, flags, i64::from(fd) as u64, offset) })
}

/// Locks all memory, with the flags of mlockall(2) as they are.
///
/// # Errors
/// As mlockall(2).
pub fn mlockall(flags: u64) -> Result<(), Errno> {
    // SAFETY: changes what is resident, not what is there.
    answer(unsafe { syscall1(nr::MLOCKALL, flags) }).map(drop)
}

/// How many bytes the System V shared memory with this number has.
///
/// # Errors
/// As shmctl(2) with `IPC_STAT`.
pub fn shared_memory_bytes(id: i32) -> Result<u64, Errno> {
    const IPC_STAT: u64 = 2;
    /// `struct shmid64_ds` in words, and which one is `shm_segsz`.
    const WORDS: usize = 14;
    const SIZE: usize = 6;
    let mut state = [0u64; WORDS];
    // SAFETY: the kernel fills the structure, whose size this is.
    answer(unsafe { syscall3(nr::SHMCTL, i64::from(id) as u64, IPC_STAT, state.as_mut_ptr() as u64) })?;
    Ok(state[SIZE])
}

/// Unmaps all pages of the range.
///
/// # Errors
/// As munmap(2).
///
/// # Safety
/// Nothing uses the range any more.
pub unsafe fn munmap(address: u64, bytes: u64) -> Result<(), Errno> {
    // SAFETY: the caller's contract.
    answer(unsafe { syscall2(nr::MUNMAP, address, bytes) }).map(drop)
}

/// Changes what the range allows.
///
/// # Errors
/// As mprotect(2).
///
/// # Safety
/// Nobody relies on an access that is no longer allowed, and bytes that become executable are code.
pub unsafe fn mprotect(address: u64, bytes: u64, prot: Prot) -> Result<(), Errno> {
    // SAFETY: the caller's contract.
    answer(unsafe { syscall3(nr::MPROTECT, address, bytes, u64::from(prot.bits())) }).map(drop)
}

/// Moves or resizes a mapping; returns where it is. An `old_bytes` of 0 makes a second view of a
/// shared mapping. `to` counts only with [`RemapFlags::FIXED`].
///
/// # Errors
/// As mremap(2).
///
/// # Safety
/// Nothing uses the old range when it goes, nor what the new one held.
pub unsafe fn mremap(
    address: u64,
    old_bytes: u64,
    new_bytes: u64,
    flags: RemapFlags,
    to: u64,
) -> Result<u64, Errno> {
    // SAFETY: the caller's contract.
    answer(unsafe { syscall5(nr::MREMAP, address, old_bytes, new_bytes, u64::from(flags.bits()), to) })
}

/// Tells the kernel how the range will be used.
///
/// # Errors
/// As madvise(2).
///
/// # Safety
/// Some advice throws contents away: nothing relies on them.
pub unsafe fn madvise(address: u64, bytes: u64, advice: Advice) -> Result<(), Errno> {
    // SAFETY: the caller's contract.
    answer(unsafe { syscall3(nr::MADVISE, address, bytes, advice as u64) }).map(drop)
}
