//! Selectors that are part of an opcode: conditions, operations, the lock prefix.

/// A condition on the arithmetic flags (Intel SDM vol. 1, appendix B).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Cond {
    /// Overflow: OF.
    O,
    /// No overflow: !OF.
    No,
    /// Below (unsigned), carry: CF.
    B,
    /// Above or equal (unsigned), no carry: !CF.
    Ae,
    /// Equal, zero: ZF.
    E,
    /// Not equal, not zero: !ZF.
    Ne,
    /// Below or equal (unsigned): CF | ZF.
    Be,
    /// Above (unsigned): !CF & !ZF.
    A,
    /// Sign: SF.
    S,
    /// No sign: !SF.
    Ns,
    /// Parity even: PF.
    P,
    /// Parity odd: !PF.
    Np,
    /// Less (signed): SF != OF.
    L,
    /// Greater or equal (signed): SF == OF.
    Ge,
    /// Less or equal (signed): ZF | (SF != OF).
    Le,
    /// Greater (signed): !ZF & (SF == OF).
    G,
}

impl Cond {
    /// All sixteen, in the order of their codes.
    pub const ALL: [Self; 16] = [
        Self::O,
        Self::No,
        Self::B,
        Self::Ae,
        Self::E,
        Self::Ne,
        Self::Be,
        Self::A,
        Self::S,
        Self::Ns,
        Self::P,
        Self::Np,
        Self::L,
        Self::Ge,
        Self::Le,
        Self::G,
    ];

    /// The four bits that stand for it in an opcode.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The condition with this code; `None` from 16 on.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        if code < 16 { Some(Self::ALL[code as usize]) } else { None }
    }

    /// The condition that holds exactly when this one does not.
    #[must_use]
    pub const fn invert(self) -> Self {
        Self::ALL[(self as u8 ^ 1) as usize]
    }
}

/// The eight classic two-operand operations, in the order of their opcodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Alu {
    /// `dst + src`
    Add,
    /// `dst | src`
    Or,
    /// `dst + src + CF`
    Adc,
    /// `dst - src - CF`
    Sbb,
    /// `dst & src`
    And,
    /// `dst - src`
    Sub,
    /// `dst ^ src`
    Xor,
    /// `dst - src`, for its flags only
    Cmp,
}

impl Alu {
    /// All eight, in the order of their codes.
    pub const ALL: [Self; 8] =
        [Self::Add, Self::Or, Self::Adc, Self::Sbb, Self::And, Self::Sub, Self::Xor, Self::Cmp];
}

/// Shifts and rotations; the variants' values are the digits in ModRM (6 is not used).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Shift {
    /// Rotate left.
    Rol = 0,
    /// Rotate right.
    Ror = 1,
    /// Rotate left through the carry flag.
    Rcl = 2,
    /// Rotate right through the carry flag.
    Rcr = 3,
    /// Shift left.
    Shl = 4,
    /// Shift right, zeros move in.
    Shr = 5,
    /// Shift right, copies of the sign move in.
    Sar = 7,
}

impl Shift {
    /// All seven, in the order of their codes.
    pub const ALL: [Self; 7] = [Self::Rol, Self::Ror, Self::Rcl, Self::Rcr, Self::Shl, Self::Shr, Self::Sar];
}

/// Whether a read-modify-write of memory is atomic towards other processors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Lock {
    /// No prefix.
    None,
    /// `lock` prefix.
    Locked,
}

/// What `cmpss` and `cmpsd` ask for (Intel SDM vol. 2, table 3-1); NaN is unordered to everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum FloatCompare {
    /// Equal.
    Eq,
    /// Less; a NaN raises an exception.
    Lt,
    /// Less or equal; a NaN raises an exception.
    Le,
    /// Unordered.
    Unordered,
    /// Not equal, or unordered.
    Ne,
    /// Not less, or unordered; a NaN raises an exception.
    Nlt,
    /// Not less or equal, or unordered; a NaN raises an exception.
    Nle,
    /// Ordered.
    Ordered,
}

impl FloatCompare {
    /// All eight, in the order of their codes.
    pub const ALL: [Self; 8] =
        [Self::Eq, Self::Lt, Self::Le, Self::Unordered, Self::Ne, Self::Nlt, Self::Nle, Self::Ordered];
}

/// How a number becomes a whole one (Intel SDM vol. 2, ROUNDSD); inexact results raise no exception.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Rounding {
    /// To the nearest, halves to the even one.
    Nearest = 8,
    /// Down: floor.
    Down = 9,
    /// Up: ceil.
    Up = 10,
    /// Towards zero: trunc.
    Zero = 11,
}

impl Rounding {
    /// All four, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::Nearest, Self::Down, Self::Up, Self::Zero];
}
