//! Types of values and functions, and their numbers in this process.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::error::Unsupported;

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A 128-bit vector.
    V128,
    /// A function or null.
    FuncRef,
    /// A host's reference or null.
    ExternRef,
}

impl ValType {
    /// Whether it is kept in a vector register.
    #[must_use]
    pub(crate) const fn is_vector_class(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::V128)
    }

    /// Whether it is a reference.
    #[must_use]
    pub const fn is_ref(self) -> bool {
        matches!(self, Self::FuncRef | Self::ExternRef)
    }

    pub(crate) fn read(ty: wasmparser::ValType) -> Result<Self, Unsupported> {
        Ok(match ty {
            wasmparser::ValType::I32 => Self::I32,
            wasmparser::ValType::I64 => Self::I64,
            wasmparser::ValType::F32 => Self::F32,
            wasmparser::ValType::F64 => Self::F64,
            wasmparser::ValType::V128 => Self::V128,
            wasmparser::ValType::Ref(wasmparser::RefType::FUNCREF) => Self::FuncRef,
            wasmparser::ValType::Ref(wasmparser::RefType::EXTERNREF) => Self::ExternRef,
            wasmparser::ValType::Ref(_) => return Err(Unsupported::TypedReferences),
        })
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = ["i32", "i64", "f32", "f64", "v128", "funcref", "externref"];
        f.write_str(NAMES[*self as usize])
    }
}

/// The type of a function.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FuncType {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
}

impl FuncType {
    /// A function that takes `params` and answers `results`.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        Self { params: params.into_iter().collect(), results: results.into_iter().collect() }
    }

    /// The types of its parameters.
    #[must_use]
    pub fn params(&self) -> &[ValType] {
        &self.params
    }

    /// The types of its results.
    #[must_use]
    pub fn results(&self) -> &[ValType] {
        &self.results
    }

    pub(crate) fn read(ty: &wasmparser::FuncType) -> Result<Self, Unsupported> {
        let types = |types: &[wasmparser::ValType]| {
            types.iter().map(|&ty| ValType::read(ty)).collect::<Result<_, _>>()
        };
        Ok(Self { params: types(ty.params())?, results: types(ty.results())? })
    }

    /// A number that every equal type has in this process and no other one.
    pub(crate) fn id(&self) -> u32 {
        static KNOWN: Mutex<Vec<FuncType>> = Mutex::new(Vec::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let index = known.iter().position(|ty| ty == self).unwrap_or_else(|| {
            known.push(self.clone());
            known.len() - 1
        });
        index as u32
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |types: &[ValType]| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(" ");
        write!(f, "[{}] -> [{}]", list(&self.params), list(&self.results))
    }
}

/// How large something may be: a table in elements, a memory in pages of 64 KiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// At the start.
    pub min: u32,
    /// At most.
    pub max: Option<u32>,
}

impl Limits {
    /// Whether something of `size` with the limit `max` can be imported where these limits stand.
    pub(crate) fn admit(self, size: u32, max: Option<u32>) -> bool {
        size >= self.min && self.max.is_none_or(|limit| max.is_some_and(|max| max <= limit))
    }
}

/// The type of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableType {
    /// What it holds.
    pub element: ValType,
    /// Its size in elements.
    pub limits: Limits,
}

/// The type of a memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryType {
    /// Its size in pages of 64 KiB.
    pub limits: Limits,
}

/// Whether a global can be assigned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mutability {
    /// It cannot.
    Const,
    /// It can.
    Var,
}

/// The type of a global.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GlobalType {
    /// Of its value.
    pub content: ValType,
    /// Whether it can be assigned.
    pub mutability: Mutability,
}

/// The type of an import or export.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Func(ty) => write!(f, "function {ty}"),
            Self::Table(ty) => write!(f, "table of {}, at least {}", ty.element, ty.limits.min),
            Self::Memory(ty) => write!(f, "memory of at least {} pages", ty.limits.min),
            Self::Global(GlobalType { content, mutability: Mutability::Var }) => {
                write!(f, "mutable global {content}")
            }
            Self::Global(ty) => write!(f, "global {}", ty.content),
        }
    }
}
