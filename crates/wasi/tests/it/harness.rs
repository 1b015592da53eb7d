//! A guest of which only the memory exists: tests lay out arguments there and make its calls.

use midstride_wasi::{Builder, DirAccess, Errno, Exit, Wasi, function};
use tempfile::TempDir;

/// Bytes of its memory.
pub(crate) const MEMORY: usize = 64 << 10;
/// Where paths are put; a second one 4096 bytes later.
const PATHS: u32 = 0x2000;
/// Where buffers are.
pub(crate) const BUFFER: u32 = 0x4000;
/// Where the descriptions of buffers are.
const VECTOR: u32 = 0x1000;
/// Where results are.
pub(crate) const OUT: u32 = 0x100;

pub(crate) const CREATE: u64 = 1;
pub(crate) const DIRECTORY: u64 = 2;
pub(crate) const EXCLUSIVE: u64 = 4;
pub(crate) const TRUNCATE: u64 = 8;
pub(crate) const APPEND: u64 = 1;
pub(crate) const NONBLOCK: u64 = 4;
/// Every right there is.
pub(crate) const ALL: u64 = (1 << 30) - 1;
pub(crate) const READ: u64 = ALL & !(1 << 6);

/// A guest without a program.
pub(crate) struct Guest {
    pub(crate) wasi: Wasi,
    pub(crate) memory: Vec<u8>,
}

impl Guest {
    pub(crate) fn new(builder: Builder) -> Self {
        Self { wasi: builder.build().unwrap(), memory: vec![0; MEMORY] }
    }

    /// One with an empty directory as descriptor 3.
    pub(crate) fn with_dir() -> (Self, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let builder = Builder::new().preopened_dir(dir.path(), "/", DirAccess::ReadWrite).unwrap();
        (Self::new(builder), dir)
    }

    pub(crate) fn try_call(&mut self, name: &str, args: &[u64]) -> Result<Errno, Exit> {
        self.wasi.call(function(name).unwrap(), &mut self.memory, args)
    }

    pub(crate) fn call(&mut self, name: &str, args: &[u64]) -> Errno {
        self.try_call(name, args).unwrap()
    }

    /// Makes a call that works.
    #[track_caller]
    pub(crate) fn ok(&mut self, name: &str, args: &[u64]) {
        assert_eq!(self.call(name, args), Errno::Success, "{name}{args:?}");
    }

    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) {
        self.memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn bytes(&self, at: u32, bytes: usize) -> &[u8] {
        &self.memory[at as usize..][..bytes]
    }

    pub(crate) fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(*self.memory[at as usize..].first_chunk().unwrap())
    }

    pub(crate) fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(*self.memory[at as usize..].first_chunk().unwrap())
    }

    /// Puts a path in place `which` and gives it as arguments.
    pub(crate) fn path(&mut self, which: u32, path: &str) -> [u64; 2] {
        let at = PATHS + which * 4096;
        self.put(at, path.as_bytes());
        [at.into(), path.len() as u64]
    }

    pub(crate) fn open_with(
        &mut self,
        dir: u64,
        path: &str,
        open: u64,
        rights: u64,
        flags: u64,
    ) -> Result<u64, Errno> {
        let [at, len] = self.path(0, path);
        match self.call("path_open", &[dir, 1, at, len, open, rights, ALL, flags, OUT.into()]) {
            Errno::Success => Ok(self.u32(OUT).into()),
            errno => Err(errno),
        }
    }

    pub(crate) fn open(&mut self, path: &str, open: u64) -> Result<u64, Errno> {
        self.open_with(3, path, open, if open == DIRECTORY { READ } else { ALL }, 0)
    }

    fn vector(&mut self, bytes: u32) {
        self.put(VECTOR, &[BUFFER.to_le_bytes(), bytes.to_le_bytes()].concat());
    }

    pub(crate) fn try_read(&mut self, fd: u64, bytes: u32) -> Result<Result<Vec<u8>, Errno>, Exit> {
        self.vector(bytes);
        Ok(match self.try_call("fd_read", &[fd, VECTOR.into(), 1, OUT.into()])? {
            Errno::Success => Ok(self.bytes(BUFFER, self.u32(OUT) as usize).to_owned()),
            errno => Err(errno),
        })
    }

    pub(crate) fn read(&mut self, fd: u64, bytes: u32) -> Result<Vec<u8>, Errno> {
        self.try_read(fd, bytes).unwrap()
    }

    pub(crate) fn write(&mut self, fd: u64, bytes: &[u8]) -> Result<u32, Errno> {
        self.vector(bytes.len() as u32);
        self.put(BUFFER, bytes);
        match self.call("fd_write", &[fd, VECTOR.into(), 1, OUT.into()]) {
            Errno::Success => Ok(self.u32(OUT)),
            errno => Err(errno),
        }
    }

    pub(crate) fn pread(&mut self, fd: u64, bytes: u32, offset: u64) -> Result<Vec<u8>, Errno> {
        self.vector(bytes);
        match self.call("fd_pread", &[fd, VECTOR.into(), 1, offset, OUT.into()]) {
            Errno::Success => Ok(self.bytes(BUFFER, self.u32(OUT) as usize).to_owned()),
            errno => Err(errno),
        }
    }

    pub(crate) fn pwrite(&mut self, fd: u64, bytes: &[u8], offset: u64) -> Result<u32, Errno> {
        self.vector(bytes.len() as u32);
        self.put(BUFFER, bytes);
        match self.call("fd_pwrite", &[fd, VECTOR.into(), 1, offset, OUT.into()]) {
            Errno::Success => Ok(self.u32(OUT)),
            errno => Err(errno),
        }
    }

    pub(crate) fn seek(&mut self, fd: u64, offset: i64, whence: u64) -> Result<u64, Errno> {
        match self.call("fd_seek", &[fd, offset.cast_unsigned(), whence, OUT.into()]) {
            Errno::Success => Ok(self.u64(OUT)),
            errno => Err(errno),
        }
    }

    /// Names in a directory, asked for in pieces of `bytes`.
    pub(crate) fn names(&mut self, fd: u64, bytes: u32) -> Vec<String> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let used = self.entries(fd, bytes, cookie);
            let mut at = BUFFER;
            while at + 24 <= BUFFER + used && at + 24 + self.u32(at + 16) <= BUFFER + used {
                let len = self.u32(at + 16);
                cookie = self.u64(at);
                names.push(String::from_utf8(self.bytes(at + 24, len as usize).to_owned()).unwrap());
                at += 24 + len;
            }
            if used < bytes {
                return names;
            }
        }
    }

    /// One call of `fd_readdir`: how many bytes came.
    pub(crate) fn entries(&mut self, fd: u64, bytes: u32, cookie: u64) -> u32 {
        self.ok("fd_readdir", &[fd, BUFFER.into(), bytes.into(), cookie, OUT.into()]);
        self.u32(OUT)
    }
}
