//! The memory that compiled code addresses through r15: an instance's context.
//!
//! ```text
//!  0      VmHeader      limit, memory, stacks, entry points of the runtime, state of a trap
//!         results       16 bytes for each result of the longest result list
//!         type ids      u32 for each type
//!         tables        the address of each TableDesc
//!         globals       16 bytes for each global defined here, the address of each imported one
//!         functions     a FuncDesc for each function defined here, the address of each imported one
//! ```

use std::mem::offset_of;
use std::sync::atomic::AtomicU64;

use crate::compile::{ARG_GPRS, ARG_XMMS};
use crate::info::ModuleInfo;

/// Functions of the runtime that compiled code calls; the values index [`VmHeader::builtins`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Builtin {
    Poll,
    CallForeign,
    MemoryGrow,
    MemoryFill,
    MemoryCopy,
    MemoryInit,
    DataDrop,
    TableGet,
    TableSet,
    TableGrow,
    TableFill,
    TableCopy,
    TableInit,
    ElemDrop,
}

/// How many there are.
pub(crate) const BUILTINS: usize = Builtin::ElemDrop as usize + 1;

impl Builtin {
    /// Where its address stands in a context.
    pub(crate) const fn offset(self) -> i32 {
        (offset_of!(VmHeader, builtins) + 8 * self as usize) as i32
    }
}

/// The registers of a thread that trapped.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub(crate) struct TrapState {
    pub(crate) pc: u64,
    pub(crate) signal: u64,
    pub(crate) address: u64,
    pub(crate) pad: u64,
    /// By register number.
    pub(crate) gprs: [u64; 16],
    pub(crate) vectors: [u128; 16],
}

/// The part of a context that is the same in every module.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct VmHeader {
    /// A stack pointer at or below it makes entries and loops call the runtime.
    pub(crate) limit: AtomicU64,
    pub(crate) memory_base: u64,
    /// The address of the first memory's `MemoryDesc`.
    pub(crate) memory: u64,
    /// The host's stack pointer at the entry of compiled code.
    pub(crate) host_sp: u64,
    /// The frame pointer of whoever called the runtime last.
    pub(crate) wasm_fp: u64,
    pub(crate) instance: u64,
    /// Where compiled code is left.
    pub(crate) exit: u64,
    /// Not 0: somebody wants the code to stop.
    pub(crate) interrupt: AtomicU64,
    /// The first result, as an integer and as a vector.
    pub(crate) result_gpr: u64,
    /// The stack's true limit; frames that are too large for it compare with it.
    pub(crate) stack_low: u64,
    pub(crate) result_vector: u128,
    pub(crate) builtins: [u64; BUILTINS],
    pub(crate) trap: TrapState,
    /// Whether the thread that has entered the code is in it, and not in what it has called; only kept where
    /// threads are stepped.
    pub(crate) inside: AtomicU64,
    /// Polls until the code shall be frozen; 0: none.
    pub(crate) countdown: AtomicU64,
}

/// Arguments in registers, in the order of the registers for arguments.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub(crate) struct RegisterArgs {
    pub(crate) gprs: [u64; ARG_GPRS],
    pub(crate) vectors: [u128; ARG_XMMS],
}

/// What the way in loads.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub(crate) struct EntryArgs {
    pub(crate) code: u64,
    /// The stack pointer at the call; arguments in memory lie there.
    pub(crate) stack: u64,
    pub(crate) args: RegisterArgs,
}

/// A function as compiled code sees it: what a funcref points to.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct FuncDesc {
    /// Its code, for callers with the same context.
    pub(crate) code: u64,
    /// Its instance's context, or its own address when it is the host's.
    pub(crate) owner: u64,
    /// The number of its type in this process.
    pub(crate) type_id: u32,
    /// Its index in its module.
    pub(crate) index: u32,
    /// 0: compiled code; else it is the first field of a host function.
    pub(crate) host: u64,
}

/// A table as compiled code sees it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct TableDesc {
    /// The address of its elements, 8 bytes each.
    pub(crate) elements: u64,
    pub(crate) len: u64,
}

/// A memory as compiled code sees it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct MemoryDesc {
    pub(crate) base: u64,
    pub(crate) bytes: u64,
}

/// Where the parts of a module's contexts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VmLayout {
    type_ids: u32,
    tables: u32,
    globals: u32,
    funcs: u32,
    imported_globals: u32,
    imported_funcs: u32,
    bytes: u32,
}

/// Bytes of one result or global.
const CELL: u32 = 16;
const DESC: u32 = size_of::<FuncDesc>() as u32;

impl VmLayout {
    pub(crate) fn new(info: &ModuleInfo) -> Self {
        let results = info.types.iter().map(|ty| ty.results().len()).max().unwrap_or(0).max(1) as u32;
        let type_ids = size_of::<VmHeader>() as u32 + CELL * results;
        let tables = (type_ids + 4 * info.types.len() as u32).next_multiple_of(8);
        let globals = (tables + 8 * info.tables.len() as u32).next_multiple_of(CELL);
        let funcs = globals + CELL * info.globals.len() as u32;
        let imported = info.imported_funcs;
        let defined = info.funcs.len() as u32 - imported;
        Self {
            type_ids,
            tables,
            globals,
            funcs,
            imported_globals: info.imported_globals,
            imported_funcs: imported,
            bytes: (funcs + 8 * imported + DESC * defined).next_multiple_of(CELL),
        }
    }

    /// Size of the whole, a multiple of 16.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    pub(crate) fn result(index: usize) -> i32 {
        (size_of::<VmHeader>() + CELL as usize * index) as i32
    }

    pub(crate) fn type_id(&self, ty: u32) -> i32 {
        (self.type_ids + 4 * ty) as i32
    }

    /// Where the address of a table's descriptor is.
    pub(crate) fn table(&self, table: u32) -> i32 {
        (self.tables + 8 * table) as i32
    }

    /// Where a global's value is, or, when it is imported, the address of its value.
    pub(crate) fn global(&self, global: u32) -> i32 {
        (self.globals + CELL * global) as i32
    }

    pub(crate) fn is_imported_global(&self, global: u32) -> bool {
        global < self.imported_globals
    }

    pub(crate) fn is_imported_func(&self, func: u32) -> bool {
        func < self.imported_funcs
    }

    /// Where a function's descriptor is, or, when it is imported, the descriptor's address.
    pub(crate) fn func(&self, func: u32) -> i32 {
        let at = match func.checked_sub(self.imported_funcs) {
            None => self.funcs + 8 * func,
            Some(defined) => self.funcs + 8 * self.imported_funcs + DESC * defined,
        };
        at as i32
    }
}

/// Offsets of header fields, for the emitter.
pub(crate) mod offset {
    use std::mem::offset_of;

    use super::{FuncDesc, TableDesc, VmHeader};

    pub(crate) const LIMIT: i32 = offset_of!(VmHeader, limit) as i32;
    pub(crate) const INSIDE: i32 = offset_of!(VmHeader, inside) as i32;
    pub(crate) const STACK_LOW: i32 = offset_of!(VmHeader, stack_low) as i32;
    pub(crate) const MEMORY_BASE: i32 = offset_of!(VmHeader, memory_base) as i32;
    pub(crate) const MEMORY: i32 = offset_of!(VmHeader, memory) as i32;
    pub(crate) const MEMORY_BYTES: i32 = offset_of!(super::MemoryDesc, bytes) as i32;
    pub(crate) const HOST_SP: i32 = offset_of!(VmHeader, host_sp) as i32;
    pub(crate) const WASM_FP: i32 = offset_of!(VmHeader, wasm_fp) as i32;
    pub(crate) const RESULT_GPR: i32 = offset_of!(VmHeader, result_gpr) as i32;
    pub(crate) const RESULT_VECTOR: i32 = offset_of!(VmHeader, result_vector) as i32;
    pub(crate) const ELEMENTS: i32 = offset_of!(TableDesc, elements) as i32;
    pub(crate) const TABLE_LEN: i32 = offset_of!(TableDesc, len) as i32;
    pub(crate) const CODE: i32 = offset_of!(FuncDesc, code) as i32;
    pub(crate) const OWNER: i32 = offset_of!(FuncDesc, owner) as i32;
    pub(crate) const TYPE_ID: i32 = offset_of!(FuncDesc, type_id) as i32;
}
