//! WebAssembly values and their types.

use core::fmt;

/// Type of a local, an operand, a global or a table's elements (WebAssembly 2.0, section 2.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum ValType {
    /// 32-bit integer.
    I32 = 0,
    /// 64-bit integer.
    I64 = 1,
    /// 32-bit float.
    F32 = 2,
    /// 64-bit float.
    F64 = 3,
    /// 128-bit vector.
    V128 = 4,
    /// Reference to a function, or null.
    FuncRef = 5,
    /// Reference to something of the host, or null.
    ExternRef = 6,
}

impl ValType {
    /// All types, in the order of their bytes.
    pub const ALL: [Self; 7] =
        [Self::I32, Self::I64, Self::F32, Self::F64, Self::V128, Self::FuncRef, Self::ExternRef];

    /// The byte that stands for it in maps and images: its position in [`ALL`](Self::ALL). (Not the
    /// byte of the WebAssembly binary format.)
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self as u8
    }

    /// The type a byte from [`to_byte`](Self::to_byte) stands for.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// Bytes of a value in an image: 4, 8 or 16.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 | Self::FuncRef | Self::ExternRef => 8,
            Self::V128 => 16,
        }
    }

    /// Whether it is `funcref` or `externref`.
    #[must_use]
    pub const fn is_reference(self) -> bool {
        matches!(self, Self::FuncRef | Self::ExternRef)
    }

    /// Its name in the text format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A typed value. Floats are bits: every NaN stays what it is, and values can be compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Value {
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`, as bits.
    F32(u32),
    /// `f64`, as bits.
    F64(u64),
    /// `v128`, little endian: lane 0 is in the low bits.
    V128(u128),
    /// Index of the function in the instance's function index space, or null.
    FuncRef(Option<u32>),
    /// A number the host gave to the thing it means, or null.
    ExternRef(Option<u32>),
}

impl Value {
    /// Zero, or null.
    #[must_use]
    pub const fn zero(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32(0),
            ValType::I64 => Self::I64(0),
            ValType::F32 => Self::F32(0),
            ValType::F64 => Self::F64(0),
            ValType::V128 => Self::V128(0),
            ValType::FuncRef => Self::FuncRef(None),
            ValType::ExternRef => Self::ExternRef(None),
        }
    }

    /// Its type.
    #[must_use]
    pub const fn ty(self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::V128(_) => ValType::V128,
            Self::FuncRef(_) => ValType::FuncRef,
            Self::ExternRef(_) => ValType::ExternRef,
        }
    }

    /// Its bits, zero-extended. A reference is 0 for null, else its number plus one.
    #[must_use]
    pub const fn bits(self) -> u128 {
        match self {
            Self::I32(value) => value.cast_unsigned() as u128,
            Self::I64(value) => value.cast_unsigned() as u128,
            Self::F32(bits) => bits as u128,
            Self::F64(bits) => bits as u128,
            Self::V128(bits) => bits,
            Self::FuncRef(None) | Self::ExternRef(None) => 0,
            Self::FuncRef(Some(n)) | Self::ExternRef(Some(n)) => n as u128 + 1,
        }
    }

    /// The value of type `ty` with these [`bits`](Self::bits); what lies above the type's width is
    /// ignored for numbers. `None` for a reference number above 2³² - 2 + 1.
    #[must_use]
    pub fn from_bits(ty: ValType, bits: u128) -> Option<Self> {
        let reference = || match bits {
            0 => Some(None),
            n => u32::try_from(n - 1).ok().map(Some),
        };
        Some(match ty {
            ValType::I32 => Self::I32((bits as u32).cast_signed()),
            ValType::I64 => Self::I64((bits as u64).cast_signed()),
            ValType::F32 => Self::F32(bits as u32),
            ValType::F64 => Self::F64(bits as u64),
            ValType::V128 => Self::V128(bits),
            ValType::FuncRef => Self::FuncRef(reference()?),
            ValType::ExternRef => Self::ExternRef(reference()?),
        })
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::F32(value.to_bits())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::F64(value.to_bits())
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::I32(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::I64(value)
    }
}

impl fmt::Display for Value {
    /// Type and value, like `i32:-1`, `f64:0.5`, `funcref:null`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.ty())?;
        match *self {
            Self::I32(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::F32(bits) => write!(f, "{:?}", f32::from_bits(bits)),
            Self::F64(bits) => write!(f, "{:?}", f64::from_bits(bits)),
            Self::V128(bits) => write!(f, "{bits:#034x}"),
            Self::FuncRef(None) | Self::ExternRef(None) => f.write_str("null"),
            Self::FuncRef(Some(n)) | Self::ExternRef(Some(n)) => write!(f, "{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn bits_and_values_are_one_to_one() {
        let values = [
            Value::I32(-1),
            Value::I64(i64::MIN),
            Value::F32(0x7fa0_0001),
            Value::F64(0xfff4_0000_0000_0001),
            Value::V128(u128::MAX - 5),
            Value::FuncRef(None),
            Value::FuncRef(Some(0)),
            Value::ExternRef(Some(u32::MAX)),
        ];
        for value in values {
            assert_eq!(Value::from_bits(value.ty(), value.bits()), Some(value));
        }
        assert_eq!(Value::from_bits(ValType::FuncRef, 1 << 33), None);
    }

    #[test]
    fn a_type_is_its_position() {
        for (byte, ty) in (0..).zip(ValType::ALL) {
            assert_eq!(ty.to_byte(), byte);
            assert_eq!(ValType::from_byte(byte), Some(ty));
            assert_eq!(Value::zero(ty).ty(), ty);
        }
        assert_eq!(ValType::from_byte(7), None);
    }

    #[test]
    fn values_say_their_type() {
        assert_eq!(Value::from(0.5).to_string(), "f64:0.5");
        assert_eq!(Value::FuncRef(Some(3)).to_string(), "funcref:3");
        assert_eq!(Value::V128(1).to_string(), "v128:0x00000000000000000000000000000001");
    }
}
