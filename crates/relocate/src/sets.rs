//! Sets of general-purpose registers and of flags, 16 bits each.

use core::fmt;

use midstride_asm::Gpr;

/// The set operations both kinds share; each works on the whole 16-bit word.
macro_rules! bit_set {
    ($set:ident) => {
        impl $set {
            /// The set without members.
            pub const EMPTY: Self = Self(0);

            /// The set from its bits.
            #[must_use]
            pub const fn from_bits(bits: u16) -> Self {
                Self(bits & Self::ALL.0)
            }

            /// The set as bits.
            #[must_use]
            pub const fn bits(self) -> u16 {
                self.0
            }

            /// The members of either.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The members of both.
            #[must_use]
            pub const fn intersection(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// The members that `other` lacks.
            #[must_use]
            pub const fn minus(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Everything that is not a member.
            #[must_use]
            pub const fn complement(self) -> Self {
                Self::ALL.minus(self)
            }

            /// Whether every member of `other` is a member here too.
            #[must_use]
            pub const fn contains_all(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether there is no member.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// How many members there are.
            #[must_use]
            pub const fn len(self) -> u32 {
                self.0.count_ones()
            }
        }

        impl core::ops::BitOr for $set {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        impl core::ops::BitOrAssign for $set {
            fn bitor_assign(&mut self, other: Self) {
                *self = self.union(other);
            }
        }
    };
}

/// A set of general-purpose registers: bit *n* is the register with number *n*.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct GprSet(u16);

bit_set!(GprSet);

impl GprSet {
    /// All sixteen registers.
    pub const ALL: Self = Self(0xffff);

    /// The set of one register.
    #[must_use]
    pub const fn of(gpr: Gpr) -> Self {
        Self(1 << gpr.number())
    }

    /// This set and one register more.
    #[must_use]
    pub const fn with(self, gpr: Gpr) -> Self {
        self.union(Self::of(gpr))
    }

    /// This set without one register.
    #[must_use]
    pub const fn without(self, gpr: Gpr) -> Self {
        self.minus(Self::of(gpr))
    }

    /// Whether `gpr` is a member.
    #[must_use]
    pub const fn contains(self, gpr: Gpr) -> bool {
        self.0 >> gpr.number() & 1 != 0
    }

    /// The members by ascending register number.
    pub fn iter(self) -> impl Iterator<Item = Gpr> {
        Gpr::ALL.into_iter().filter(move |gpr| self.contains(*gpr))
    }
}

impl FromIterator<Gpr> for GprSet {
    fn from_iter<I: IntoIterator<Item = Gpr>>(gprs: I) -> Self {
        gprs.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for GprSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A set of flags; each bit is where RFLAGS has it (SDM vol. 1, 3.4.3).
///
/// Only the flags a block may borrow or must know are tracked: the six status flags and DF. The
/// system flags (TF, IF, AC, ID ..) are not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct FlagSet(u16);

bit_set!(FlagSet);

impl FlagSet {
    /// Carry.
    pub const CF: Self = Self(1 << 0);
    /// Parity.
    pub const PF: Self = Self(1 << 2);
    /// Auxiliary carry.
    pub const AF: Self = Self(1 << 4);
    /// Zero.
    pub const ZF: Self = Self(1 << 6);
    /// Sign.
    pub const SF: Self = Self(1 << 7);
    /// Direction.
    pub const DF: Self = Self(1 << 10);
    /// Overflow.
    pub const OF: Self = Self(1 << 11);
    /// CF, PF, AF, ZF, SF and OF: what arithmetic writes.
    pub const STATUS: Self =
        Self(Self::CF.0 | Self::PF.0 | Self::AF.0 | Self::ZF.0 | Self::SF.0 | Self::OF.0);
    /// Every tracked flag.
    pub const ALL: Self = Self(Self::STATUS.0 | Self::DF.0);

    const NAMED: [(Self, &'static str); 7] = [
        (Self::CF, "CF"),
        (Self::PF, "PF"),
        (Self::AF, "AF"),
        (Self::ZF, "ZF"),
        (Self::SF, "SF"),
        (Self::DF, "DF"),
        (Self::OF, "OF"),
    ];

    /// Whether every flag of `flags` is a member; the same as [`Self::contains_all`].
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.contains_all(flags)
    }

    /// The members as sets of one flag each, by ascending bit.
    pub fn iter(self) -> impl Iterator<Item = Self> {
        Self::NAMED.into_iter().map(|(flag, _)| flag).filter(move |flag| self.contains(*flag))
    }
}

impl fmt::Debug for FlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMED.into_iter().filter(|(flag, _)| self.contains(*flag));
        f.debug_set().entries(names.map(|(_, name)| format_args_of(name))).finish()
    }
}

/// A name that prints without quotes.
fn format_args_of(name: &'static str) -> impl fmt::Debug {
    struct Plain(&'static str);
    impl fmt::Debug for Plain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    Plain(name)
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use alloc::{format, vec::Vec};

    use super::*;

    #[test]
    fn register_sets_hold_what_was_put_in() {
        let set = GprSet::of(Gpr::Rax).with(Gpr::R15);
        assert!(set.contains(Gpr::Rax) && set.contains(Gpr::R15) && !set.contains(Gpr::Rcx));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Gpr::Rax, Gpr::R15]);
        assert_eq!(set.complement().len(), 14);
        assert_eq!(set.without(Gpr::R15), GprSet::of(Gpr::Rax));
    }

    #[test]
    fn flags_sit_where_rflags_has_them() {
        assert_eq!(FlagSet::ALL.bits(), 0x0cd5);
        assert_eq!(FlagSet::from_bits(0xffff), FlagSet::ALL);
        assert_eq!(format!("{:?}", FlagSet::CF | FlagSet::OF), "{CF, OF}");
    }
}
