//! One call: its arguments and the guest's memory.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::errno::Errno;
use crate::memory::GuestMemory;
use crate::stop::Stop;
use crate::version::Version;
use crate::wasi::Wasi;

/// What a function gives: nothing, its results are in the guest's memory.
pub(crate) type Done = Result<(), Stop>;

/// A call being carried out.
pub(crate) struct Call<'a> {
    pub(crate) wasi: &'a mut Wasi,
    pub(crate) memory: &'a mut dyn GuestMemory,
    pub(crate) args: &'a [u64],
    pub(crate) version: &'static Version,
    /// When it was first made, in monotonic time, if it was interrupted since.
    pub(crate) waited: Option<u64>,
    /// Bytes that it has moved: some already, if it was interrupted and is made again.
    pub(crate) moved: u64,
}

/// A call that was interrupted and has to be made again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Waiting {
    pub(crate) function: String,
    pub(crate) args: Vec<u64>,
    /// In the guest's monotonic time; 0 when it does not matter.
    pub(crate) since: u64,
    /// Bytes it has moved.
    pub(crate) moved: u64,
}

impl Waiting {
    pub(crate) fn new(function: &str, args: &[u64], since: u64, moved: u64) -> Self {
        Self { function: function.to_owned(), args: args.to_vec(), since, moved }
    }

    /// Whether a call is the one that was interrupted.
    pub(crate) fn is_for(&self, function: &str, args: &[u64]) -> bool {
        self.function == function && self.args == args
    }
}

/// Longest path: Linux's limit.
const MOST_PATH_BYTES: u32 = 4096;

impl Call<'_> {
    /// An argument, as 64 bits.
    pub(crate) fn u64(&self, index: usize) -> u64 {
        self.args.get(index).copied().unwrap_or(0)
    }

    /// An argument of 32 bits.
    pub(crate) fn u32(&self, index: usize) -> u32 {
        self.u64(index) as u32
    }

    /// An argument that is a set of flags, or a smaller number.
    ///
    /// # Errors
    /// `Errno::Inval` for bits it does not have.
    pub(crate) fn flags<T>(&self, index: usize, known: impl FnOnce(u16) -> Option<T>) -> Result<T, Errno> {
        u16::try_from(self.u32(index)).ok().and_then(known).ok_or(Errno::Inval)
    }

    /// A pointer to `bytes` bytes that will be written. Asked for before anything is done, so that a call
    /// with a wrong one does nothing.
    pub(crate) fn room(&self, index: usize, bytes: u64) -> Result<u64, Errno> {
        let at = u64::from(self.u32(index));
        if at + bytes <= self.memory.size() { Ok(at) } else { Err(Errno::Fault) }
    }

    pub(crate) fn put(&mut self, at: u64, bytes: &[u8]) -> Done {
        Ok(self.memory.write(at, bytes)?)
    }

    pub(crate) fn put_u32(&mut self, at: u64, value: u32) -> Done {
        self.put(at, &value.to_le_bytes())
    }

    pub(crate) fn put_u64(&mut self, at: u64, value: u64) -> Done {
        self.put(at, &value.to_le_bytes())
    }

    pub(crate) fn get_u32(&self, at: u64) -> Result<u32, Stop> {
        let mut bytes = [0; 4];
        self.memory.read(at, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// A path, from a pointer at `index` and a length behind it. Names are bytes, as they are on Linux.
    pub(crate) fn path(&self, index: usize) -> Result<PathBuf, Stop> {
        let bytes = self.u32(index + 1);
        let at = self.room(index, u64::from(bytes))?;
        if bytes > MOST_PATH_BYTES {
            return Err(Errno::NameTooLong.into());
        }
        let mut path = vec![0; bytes as usize];
        self.memory.read(at, &mut path)?;
        if path.contains(&0) {
            return Err(Errno::Inval.into());
        }
        if path.is_empty() {
            return Err(Errno::NoEnt.into());
        }
        Ok(PathBuf::from(OsString::from_vec(path)))
    }
}
