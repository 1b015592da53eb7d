//! What a module declares.

use std::ops::Range;

use crate::types::{ExternType, FuncType, GlobalType, MemoryType, TableType};

/// A constant expression, as wasm 2.0 has them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum ConstExpr {
    /// The bits of a number, or a null reference.
    Value(u128),
    /// The value of an imported global.
    Global(u32),
    /// A reference to a function.
    Func(u32),
}

/// What kind of thing, and its index among its kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Item {
    Func(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
}

/// What an import is called.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct ImportName {
    /// Of which module.
    pub module: String,
    /// By which name.
    pub name: String,
}

impl std::fmt::Display for ImportName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// An import.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) item: Item,
}

/// What happens with a segment when the module is instantiated.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum SegmentMode {
    /// Copied to this table or memory, to this offset.
    Active { target: u32, offset: ConstExpr },
    /// Nothing.
    Passive,
    /// It only declares references.
    Declared,
}

/// An element segment.
#[derive(Clone, Debug)]
pub(crate) struct ElementSegment {
    pub(crate) mode: SegmentMode,
    pub(crate) items: Box<[ConstExpr]>,
}

/// A data segment; its bytes lie in the module.
#[derive(Clone, Debug)]
pub(crate) struct DataSegment {
    pub(crate) mode: SegmentMode,
    pub(crate) bytes: Range<usize>,
}

/// A global with its first value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GlobalInit {
    pub(crate) ty: GlobalType,
    pub(crate) value: Option<ConstExpr>,
}

/// Everything a module declares; indices are those of the module.
#[derive(Default, Debug)]
pub(crate) struct ModuleInfo {
    pub(crate) types: Vec<FuncType>,
    pub(crate) imports: Vec<Import>,
    /// Of each function the index of its type.
    pub(crate) funcs: Vec<u32>,
    pub(crate) imported_funcs: u32,
    pub(crate) tables: Vec<TableType>,
    pub(crate) imported_tables: u32,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) imported_memories: u32,
    pub(crate) globals: Vec<GlobalInit>,
    pub(crate) imported_globals: u32,
    pub(crate) exports: Vec<(String, Item)>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) data: Vec<DataSegment>,
    /// Names of functions, by the name section.
    pub(crate) names: Vec<(u32, String)>,
}

impl ModuleInfo {
    /// The type of a function.
    pub(crate) fn func_type(&self, func: u32) -> &FuncType {
        &self.types[self.funcs[func as usize] as usize]
    }

    /// The type of something.
    pub(crate) fn item_type(&self, item: Item) -> ExternType {
        match item {
            Item::Func(index) => ExternType::Func(self.func_type(index).clone()),
            Item::Table(index) => ExternType::Table(self.tables[index as usize]),
            Item::Memory(index) => ExternType::Memory(self.memories[index as usize]),
            Item::Global(index) => ExternType::Global(self.globals[index as usize].ty),
        }
    }

    /// What the name section calls a function.
    pub(crate) fn func_name(&self, func: u32) -> Option<&str> {
        let at = self.names.binary_search_by_key(&func, |(index, _)| *index).ok()?;
        Some(&self.names[at].1)
    }
}
