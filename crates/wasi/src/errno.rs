//! Error numbers.

use std::{fmt, io};

/// Makes the enumeration and both tables out of one list. Names of Linux's error numbers are those of
/// `rustix`; `-` where Linux has none.
macro_rules! errnos {
    ($($number:literal $name:ident $linux:tt $text:literal)*) => {
        /// What a function answers: WASI's own numbers, which are not Linux's.
        ///
        /// Source: `errno` of the preview 1 interface.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Errno {
            $(#[doc = $text] $name = $number,)*
        }

        /// Every number with its text.
        const TEXTS: &[(Errno, &str)] = &[$((Errno::$name, $text),)*];

        /// What Linux's numbers are here.
        const LINUX: &[(Option<rustix::io::Errno>, Errno)] = &[$((errnos!(@ $linux), Errno::$name),)*];
    };
    (@ -) => { None };
    (@ $linux:ident) => { Some(rustix::io::Errno::$linux) };
}

errnos! {
    0 Success - "no error"
    1 TooBig TOOBIG "argument list too long"
    2 Acces ACCESS "permission denied"
    3 AddrInUse ADDRINUSE "address in use"
    4 AddrNotAvail ADDRNOTAVAIL "address not available"
    5 AfNoSupport AFNOSUPPORT "address family not supported"
    6 Again AGAIN "resource unavailable, or the operation would block"
    7 Already ALREADY "connection already in progress"
    8 Badf BADF "bad file descriptor"
    9 BadMsg BADMSG "bad message"
    10 Busy BUSY "device or resource busy"
    11 Canceled CANCELED "operation canceled"
    12 Child CHILD "no child processes"
    13 ConnAborted CONNABORTED "connection aborted"
    14 ConnRefused CONNREFUSED "connection refused"
    15 ConnReset CONNRESET "connection reset"
    16 Deadlk DEADLK "resource deadlock would occur"
    17 DestAddrReq DESTADDRREQ "destination address required"
    18 Dom DOM "argument out of domain of function"
    19 Dquot DQUOT "disk quota exceeded"
    20 Exist EXIST "file exists"
    21 Fault FAULT "bad address"
    22 Fbig FBIG "file too large"
    23 HostUnreach HOSTUNREACH "host is unreachable"
    24 Idrm IDRM "identifier removed"
    25 Ilseq ILSEQ "illegal byte sequence"
    26 InProgress INPROGRESS "operation in progress"
    27 Intr INTR "interrupted function"
    28 Inval INVAL "invalid argument"
    29 Io IO "I/O error"
    30 IsConn ISCONN "socket is connected"
    31 Isdir ISDIR "is a directory"
    32 Loop LOOP "too many levels of symbolic links"
    33 Mfile MFILE "file descriptor value too large"
    34 Mlink MLINK "too many links"
    35 MsgSize MSGSIZE "message too large"
    36 Multihop MULTIHOP "multihop attempted"
    37 NameTooLong NAMETOOLONG "file name too long"
    38 NetDown NETDOWN "network is down"
    39 NetReset NETRESET "connection aborted by network"
    40 NetUnreach NETUNREACH "network unreachable"
    41 Nfile NFILE "too many files open in system"
    42 NoBufs NOBUFS "no buffer space available"
    43 NoDev NODEV "no such device"
    44 NoEnt NOENT "no such file or directory"
    45 NoExec NOEXEC "executable file format error"
    46 NoLck NOLCK "no locks available"
    47 NoLink NOLINK "link has been severed"
    48 NoMem NOMEM "not enough space"
    49 NoMsg NOMSG "no message of the desired type"
    50 NoProtoOpt NOPROTOOPT "protocol not available"
    51 NoSpc NOSPC "no space left on device"
    52 NoSys NOSYS "function not supported"
    53 NotConn NOTCONN "the socket is not connected"
    54 NotDir NOTDIR "not a directory or a symbolic link to a directory"
    55 NotEmpty NOTEMPTY "directory not empty"
    56 NotRecoverable NOTRECOVERABLE "state not recoverable"
    57 NotSock NOTSOCK "not a socket"
    58 NotSup NOTSUP "not supported"
    59 NotTty NOTTY "inappropriate I/O control operation"
    60 Nxio NXIO "no such device or address"
    61 Overflow OVERFLOW "value too large to be stored in data type"
    62 OwnerDead OWNERDEAD "previous owner died"
    63 Perm PERM "operation not permitted"
    64 Pipe PIPE "broken pipe"
    65 Proto PROTO "protocol error"
    66 ProtoNoSupport PROTONOSUPPORT "protocol not supported"
    67 Prototype PROTOTYPE "protocol wrong type for socket"
    68 Range RANGE "result too large"
    69 Rofs ROFS "read-only file system"
    70 Spipe SPIPE "invalid seek"
    71 Srch SRCH "no such process"
    72 Stale STALE "reserved"
    73 TimedOut TIMEDOUT "connection timed out"
    74 TxtBsy TXTBSY "text file busy"
    75 Xdev XDEV "cross-device link"
    76 NotCapable - "capabilities insufficient"
}

impl Errno {
    /// The number.
    #[must_use]
    pub fn raw(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TEXTS[usize::from(self.raw())].1)
    }
}

impl core::error::Error for Errno {}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Self {
        LINUX.iter().find(|(linux, _)| *linux == Some(errno)).map_or(Self::Io, |(_, errno)| *errno)
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        if let Some(errno) = rustix::io::Errno::from_io_error(&error) {
            return errno.into();
        }
        // Without a number of Linux's: an answer of the sandbox.
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Perm,
            io::ErrorKind::InvalidInput => Self::Inval,
            io::ErrorKind::NotFound => Self::NoEnt,
            io::ErrorKind::AlreadyExists => Self::Exist,
            io::ErrorKind::Unsupported => Self::NotSup,
            _ => Self::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_at_their_numbers() {
        for (number, (errno, _)) in TEXTS.iter().enumerate() {
            assert_eq!(usize::from(errno.raw()), number);
        }
        assert_eq!(TEXTS.len(), 77);
    }

    #[test]
    fn linux_numbers_become_wasi_numbers() {
        assert_eq!(Errno::from(io::Error::from_raw_os_error(2)), Errno::NoEnt);
        assert_eq!(Errno::from(rustix::io::Errno::OPNOTSUPP), Errno::NotSup);
        assert_eq!(Errno::from(io::Error::other("strange")), Errno::Io);
    }

    #[test]
    fn leaving_the_sandbox_is_not_permitted() {
        let refused = io::Error::new(io::ErrorKind::PermissionDenied, "a path led outside of the filesystem");
        assert_eq!(Errno::from(refused), Errno::Perm);
    }
}
