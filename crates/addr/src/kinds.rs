//! The three kinds of code address.

use core::fmt;

use crate::range::Address;

macro_rules! address_kind {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a raw address.
            #[must_use]
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }

            /// The raw address.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The address `bytes` further on, modulo 2⁶⁴ as the processor computes it.
            #[must_use]
            pub const fn add(self, bytes: u64) -> Self {
                Self(self.0.wrapping_add(bytes))
            }

            /// The address `bytes` away in either direction, modulo 2⁶⁴.
            #[must_use]
            pub const fn offset(self, bytes: i64) -> Self {
                Self(self.0.wrapping_add_signed(bytes))
            }
        }

        impl Address for $name {
            fn raw(self) -> u64 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address_kind! {
    /// Where the program believes an instruction is.
    AppPc
}
address_kind! {
    /// Where a rewritten instruction is executed from.
    CachePc
}

/// A byte position inside code that has not been placed yet; becomes a [`CachePc`] by
/// [`CodeOffset::at`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[repr(transparent)]
pub struct CodeOffset(u32);

impl CodeOffset {
    /// Wraps a byte count from the start of the code.
    #[must_use]
    pub const fn new(bytes: u32) -> Self {
        Self(bytes)
    }

    /// Bytes from the start of the code.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The address of this position in code placed at `base`.
    #[must_use]
    pub const fn at(self, base: CachePc) -> CachePc {
        base.add(self.0 as u64)
    }
}
