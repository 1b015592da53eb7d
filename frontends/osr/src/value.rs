//! Values as the host sees them.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::func::Func;
use crate::types::ValType;

/// Something of the host's that WebAssembly can hold but not look into.
///
/// The process keeps it for ever: nobody knows which memories hold it.
///
/// In an image it is a number, which says how many the process had made before: who thaws one that has such
/// references makes theirs in the same order first.
#[derive(Clone)]
pub struct ExternRef {
    number: u64,
    value: Arc<dyn Any + Send + Sync>,
}

static EXTERNS: Mutex<Vec<Arc<dyn Any + Send + Sync>>> = Mutex::new(Vec::new());

impl ExternRef {
    /// A reference to `value`.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        let mut externs = EXTERNS.lock().unwrap_or_else(PoisonError::into_inner);
        externs.push(value.clone());
        Self { number: externs.len() as u64, value }
    }

    /// The value.
    #[must_use]
    pub fn data(&self) -> &(dyn Any + Send + Sync) {
        &*self.value
    }

    pub(crate) fn find(number: u64) -> Option<Self> {
        let externs = EXTERNS.lock().unwrap_or_else(PoisonError::into_inner);
        let value = externs.get(usize::try_from(number).ok()?.checked_sub(1)?)?.clone();
        Some(Self { number, value })
    }
}

impl fmt::Debug for ExternRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternRef({})", self.number)
    }
}

/// A value. Floats are given by their bits, so that NaNs stay what they are.
#[derive(Clone, Debug)]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// A vector; its first byte is the lowest.
    V128(u128),
    /// A function or null.
    FuncRef(Option<Func>),
    /// A host's reference or null.
    ExternRef(Option<ExternRef>),
}

impl Val {
    /// Its type.
    #[must_use]
    pub fn ty(&self) -> ValType {
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

    /// Zero or null.
    #[must_use]
    pub fn default_of(ty: ValType) -> Self {
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

    /// As compiled code holds it.
    pub(crate) fn to_bits(&self) -> u128 {
        match self {
            Self::I32(value) => value.cast_unsigned().into(),
            Self::I64(value) => value.cast_unsigned().into(),
            Self::F32(bits) => (*bits).into(),
            Self::F64(bits) => (*bits).into(),
            Self::V128(bits) => *bits,
            Self::FuncRef(func) => func.as_ref().map_or(0, |func| func.desc_address().into()),
            Self::ExternRef(value) => value.as_ref().map_or(0, |value| value.number.into()),
        }
    }

    /// From what compiled code holds.
    ///
    /// # Safety
    /// A function reference is null or the descriptor of a function that is alive.
    pub(crate) unsafe fn from_bits(ty: ValType, bits: u128) -> Self {
        match ty {
            ValType::I32 => Self::I32(bits as i32),
            ValType::I64 => Self::I64(bits as i64),
            ValType::F32 => Self::F32(bits as u32),
            ValType::F64 => Self::F64(bits as u64),
            ValType::V128 => Self::V128(bits),
            // SAFETY: the caller's contract.
            ValType::FuncRef => Self::FuncRef(unsafe { Func::from_desc(bits as u64) }),
            ValType::ExternRef => Self::ExternRef(ExternRef::find(bits as u64)),
        }
    }
}

impl PartialEq for Val {
    fn eq(&self, other: &Self) -> bool {
        self.ty() == other.ty() && self.to_bits() == other.to_bits()
    }
}

macro_rules! conversions {
    ($($ty:ty: $variant:ident ($to:expr, $from:expr);)*) => { $(
        impl From<$ty> for Val {
            fn from(value: $ty) -> Self {
                Self::$variant($to(value))
            }
        }

        impl WasmTy for $ty {
            const TYPE: ValType = ValType::$variant;

            fn from_val(value: &Val) -> Option<Self> {
                if let Val::$variant(value) = value { Some($from(value.clone())) } else { None }
            }
        }
    )* };
}

/// A type of the host's that stands for a type of WebAssembly's.
pub trait WasmTy: Into<Val> + Sized {
    /// The type it stands for.
    const TYPE: ValType;

    /// The value, if it has the type.
    fn from_val(value: &Val) -> Option<Self>;
}

/// What it is given.
fn same<T>(value: T) -> T {
    value
}

conversions! {
    i32: I32 (same, same);
    u32: I32 (u32::cast_signed, i32::cast_unsigned);
    i64: I64 (same, same);
    u64: I64 (u64::cast_signed, i64::cast_unsigned);
    f32: F32 (f32::to_bits, f32::from_bits);
    f64: F64 (f64::to_bits, f64::from_bits);
    u128: V128 (same, same);
    Option<Func>: FuncRef (same, same);
    Option<ExternRef>: ExternRef (same, same);
}
