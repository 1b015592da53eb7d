//! Instances.

mod segments;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::error::{LinkError, TypeError};
use crate::freeze::Frozen;
use crate::func::{Func, TypedFunc, WasmTys};
use crate::info::{ConstExpr, ImportName, Item};
use crate::linker::Extern;
use crate::module::Module;
use crate::runtime::builtins;
use crate::runtime::bulk::Rest;
use crate::runtime::context::{Context, FREEZE, FreezeHandle, INTERRUPT, InterruptHandle};
use crate::runtime::global::{Global, Kept};
use crate::runtime::layout::{FuncDesc, VmHeader};
use crate::runtime::memory::Memory;
use crate::runtime::nesting;
use crate::runtime::stack::Stack;
use crate::runtime::table::Table;
use crate::trap::{Trap, TrapKind};
use crate::types::{GlobalType, Mutability, ValType};
use crate::value::Val;

/// A module with its memory, its tables, its globals and its stack.
///
/// Clones are the same instance. There is no store: an instance keeps what it imports alive, and what is
/// taken from it keeps it. It stays in the thread that made it; [`InterruptHandle`] does not.
#[derive(Clone, Debug)]
pub struct Instance(Rc<InstanceInner>);

/// What ended an entry from inside the runtime.
enum Failure {
    Trap(Trap),
    Panic(Box<dyn Any + Send>),
}

pub(crate) struct InstanceInner {
    module: Module,
    context: Arc<Context>,
    stack: Stack,
    memories: Vec<Memory>,
    tables: Vec<Table>,
    /// Imported ones; the others are in the context.
    globals: Vec<Global>,
    funcs: Vec<Func>,
    /// The references of each element segment; none when it was dropped.
    elements: RefCell<Vec<Vec<u64>>>,
    dropped_data: RefCell<Vec<bool>>,
    /// What has been assigned to its globals from outside.
    kept_by_globals: Kept,
    /// Functions of others that came in as values.
    kept: RefCell<Vec<Func>>,
    failure: RefCell<Option<Failure>>,
    stopped: Cell<Option<Stopped>>,
    waiting: RefCell<Option<HostCall>>,
    /// The operator that the code was left in.
    rest: Cell<Option<Rest>>,
}

/// Where the code was when it left the last time without returning. Its frames are on the stack until it
/// is entered again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stopped {
    /// In the runtime: the frame pointer of the way out.
    Way { fp: u64 },
    /// At an instruction that faulted; the header has the registers.
    Fault,
}

/// A call of a host function that failed or was interrupted.
#[derive(Clone, Debug)]
pub(crate) struct HostCall {
    /// `None` when the instance does not import it.
    pub(crate) function: Option<u32>,
    pub(crate) arguments: Vec<Val>,
}

impl std::fmt::Debug for InstanceInner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InstanceInner({:#x})", self.context.address())
    }
}

impl InstanceInner {
    /// The instance of a context.
    ///
    /// # Safety
    /// `address` is that of a context whose instance is alive, in its thread.
    pub(crate) unsafe fn of_context(address: u64) -> Instance {
        let header = std::ptr::with_exposed_provenance::<VmHeader>(address as usize);
        // SAFETY: the caller's contract.
        let inner = unsafe { (*header).instance };
        let inner = std::ptr::with_exposed_provenance::<Self>(inner as usize);
        // SAFETY: the field is the address that its `Rc` has.
        unsafe { Rc::increment_strong_count(inner) };
        // SAFETY: the count was raised for this one.
        Instance(unsafe { Rc::from_raw(inner) })
    }
}

/// The imports of an instance, by kind.
#[derive(Default)]
struct Imports {
    funcs: Vec<Func>,
    tables: Vec<Table>,
    memories: Vec<Memory>,
    globals: Vec<Global>,
}

impl Instance {
    /// Instantiates a module with its imports, in their order, and runs its start function.
    ///
    /// # Errors
    /// [`LinkError`]. When a segment does not fit or the start function traps, what was written to
    /// imported memories and tables stays.
    pub fn new(module: &Module, imports: &[Extern]) -> Result<Self, LinkError> {
        let stack_bytes = module.engine().config().stack_bytes;
        let instance = Self::build(module, sort_imports(module, imports)?, stack_bytes)?;
        instance.initialize()?;
        Ok(instance)
    }

    /// An instance whose globals and segments are not initialized, to be filled with a state.
    pub(crate) fn blank(module: &Module, imports: &[Extern], stack_bytes: usize) -> Result<Self, LinkError> {
        Self::build(module, sort_imports(module, imports)?, stack_bytes)
    }

    fn build(module: &Module, imports: Imports, stack_bytes: usize) -> Result<Self, LinkError> {
        let info = module.info();
        let Imports { funcs, mut tables, mut memories, globals } = imports;
        for ty in &info.tables[tables.len()..] {
            tables.push(Table::new(*ty, &Val::default_of(ty.element))?);
        }
        for ty in &info.memories[memories.len()..] {
            memories.push(Memory::new(*ty)?);
        }
        let stack = Stack::new(stack_bytes)?;
        let instance = Self(Rc::new(InstanceInner {
            module: module.clone(),
            context: Context::new(module.layout().bytes(), module.engine().config().polls),
            stack,
            memories,
            tables,
            globals,
            funcs,
            elements: RefCell::default(),
            dropped_data: RefCell::new(vec![false; info.data.len()]),
            kept_by_globals: Kept::default(),
            kept: RefCell::default(),
            failure: RefCell::default(),
            stopped: Cell::new(None),
            waiting: RefCell::default(),
            rest: Cell::default(),
        }));
        instance.fill_header();
        instance.fill_tables();
        instance.fill_funcs();
        instance.keep_in_globals();
        Ok(instance)
    }

    fn fill_header(&self) {
        let inner = &*self.0;
        let header = inner.context.header();
        // SAFETY: the context is new and this thread's.
        let header = unsafe { &mut *header };
        header.instance = Rc::as_ptr(&self.0).expose_provenance() as u64;
        header.exit = inner.module.address(inner.module.thunks().exit);
        header.builtins = builtins::addresses();
        header.stack_low = inner.stack.limit();
        *header.limit.get_mut() = inner.stack.limit();
        if let Some(memory) = inner.memories.first() {
            header.memory_base = memory.base();
            header.memory = memory.desc_address();
        }
    }

    /// Type numbers, tables and imported globals.
    fn fill_tables(&self) {
        let (layout, info) = (self.module().layout(), self.module().info());
        let context = &self.0.context;
        for (ty, index) in info.types.iter().zip(0..) {
            // SAFETY: offsets of the layout, in a context that no code uses yet.
            unsafe { context.cell::<u32>(layout.type_id(index)).write(ty.id()) };
        }
        for (table, index) in self.0.tables.iter().zip(0..) {
            // SAFETY: as above.
            unsafe { context.cell::<u64>(layout.table(index)).write(table.desc_address()) };
        }
        for (global, index) in self.0.globals.iter().zip(0..) {
            // SAFETY: as above.
            unsafe { context.cell::<u64>(layout.global(index)).write(global.address()) };
        }
    }

    fn fill_funcs(&self) {
        let module = self.module();
        let (layout, context) = (module.layout(), &self.0.context);
        for (func, index) in self.0.funcs.iter().zip(0..) {
            // SAFETY: offsets of the layout, in a context that no code uses yet.
            unsafe { context.cell::<u64>(layout.func(index)).write(func.desc_address()) };
        }
        for index in module.info().imported_funcs..module.info().funcs.len() as u32 {
            let type_id = module.info().func_type(index).id();
            let (code, owner) = (module.func_address(index), context.address());
            let desc = FuncDesc { code, owner, type_id, index, host: 0 };
            // SAFETY: as above.
            unsafe { context.cell::<FuncDesc>(layout.func(index)).write(desc) };
        }
    }

    /// Its code can assign its functions to globals that it imports.
    fn keep_in_globals(&self) {
        let info = self.module().info();
        if info.imported_funcs as usize == info.funcs.len() {
            return;
        }
        let func = Func::of(self, info.imported_funcs);
        let can_hold = |global: &&Global| {
            let GlobalType { content, mutability } = global.ty();
            (content, mutability) == (ValType::FuncRef, Mutability::Var)
        };
        self.0.globals.iter().filter(can_hold).for_each(|global| global.keep(&func));
    }

    /// Globals, segments, start function.
    fn initialize(&self) -> Result<(), Trap> {
        let info = self.module().info();
        for (global, index) in info.globals.iter().zip(0..) {
            if let Some(value) = global.value {
                let bits = self.evaluate(value);
                let cell = self.0.context.cell::<u128>(self.module().layout().global(index));
                // SAFETY: an offset of the layout; nobody uses the global now.
                unsafe { cell.write(bits) };
            }
        }
        self.evaluate_elements();
        self.write_segments()?;
        if let Some(start) = info.start {
            // Who instantiates gets an instance or an error, but no frozen one.
            let _entry = nesting::Entry::new(self)?;
            Func::of(self, start).call(&[])?;
        }
        Ok(())
    }

    fn evaluate(&self, expr: ConstExpr) -> u128 {
        match expr {
            ConstExpr::Value(bits) => bits,
            ConstExpr::Func(func) => Func::of(self, func).desc_address().into(),
            ConstExpr::Global(global) => self.global_at(global).bits(),
        }
    }

    // What the host asks for.

    /// Its module.
    #[must_use]
    pub fn module(&self) -> &Module {
        &self.0.module
    }

    /// An export.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        Some(match self.module().export(name)? {
            Item::Func(index) => Extern::Func(Func::of(self, index)),
            Item::Table(index) => Extern::Table(self.0.tables[index as usize].clone()),
            Item::Memory(index) => Extern::Memory(self.0.memories[index as usize].clone()),
            Item::Global(index) => Extern::Global(self.global_at(index)),
        })
    }

    /// An exported function.
    #[must_use]
    pub fn get_func(&self, name: &str) -> Option<Func> {
        if let Extern::Func(func) = self.get_export(name)? { Some(func) } else { None }
    }

    /// An exported function, its type checked.
    ///
    /// # Errors
    /// [`TypeError`].
    pub fn get_typed_func<Params: WasmTys, Results: WasmTys>(
        &self,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>, TypeError> {
        self.get_func(name).ok_or_else(|| TypeError::NoExport { name: name.to_owned() })?.typed()
    }

    /// An exported memory.
    #[must_use]
    pub fn get_memory(&self, name: &str) -> Option<Memory> {
        if let Extern::Memory(memory) = self.get_export(name)? { Some(memory) } else { None }
    }

    /// An exported global.
    #[must_use]
    pub fn get_global(&self, name: &str) -> Option<Global> {
        if let Extern::Global(global) = self.get_export(name)? { Some(global) } else { None }
    }

    /// An exported table.
    #[must_use]
    pub fn get_table(&self, name: &str) -> Option<Table> {
        if let Extern::Table(table) = self.get_export(name)? { Some(table) } else { None }
    }

    /// A memory by its index, exported or not.
    #[must_use]
    pub fn memory(&self, index: usize) -> Option<Memory> {
        self.0.memories.get(index).cloned()
    }

    /// Stops its code, from any thread.
    #[must_use]
    pub fn interrupt_handle(&self) -> InterruptHandle {
        self.0.context.handle()
    }

    /// Freezes it, from any thread.
    #[must_use]
    pub fn freeze_handle(&self) -> FreezeHandle {
        self.0.context.freeze_handle()
    }

    /// The instance as it stands: frozen, trapped, or not running.
    #[must_use]
    pub fn frozen(&self) -> Frozen {
        Frozen::new(self)
    }

    /// Whether both are the same instance.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    // What the runtime asks for.

    pub(crate) fn context(&self) -> &Context {
        &self.0.context
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.0.stack
    }

    pub(crate) fn imported_func(&self, index: u32) -> Option<&Func> {
        self.0.funcs.get(index as usize)
    }

    /// The address of the descriptor of a function with a body.
    pub(crate) fn func_desc_address(&self, index: u32) -> u64 {
        let desc: *mut FuncDesc = self.0.context.cell(self.module().layout().func(index));
        desc.expose_provenance() as u64
    }

    /// The index of the function with this descriptor; `None` when it is not in the module.
    pub(crate) fn func_index(&self, desc: u64) -> Option<u32> {
        let imported = self.0.funcs.iter().position(|func| func.desc_address() == desc);
        if let Some(index) = imported {
            return Some(index as u32);
        }
        let (first, count) = (self.0.funcs.len() as u32, self.module().info().funcs.len() as u32);
        if first == count {
            return None;
        }
        let index = desc.checked_sub(self.func_desc_address(first))? / size_of::<FuncDesc>() as u64;
        let index = first.checked_add(u32::try_from(index).ok()?)?;
        (index < count && self.func_desc_address(index) == desc).then_some(index)
    }

    /// What it imports the function with this descriptor as.
    pub(crate) fn import_name(&self, desc: u64) -> Option<ImportName> {
        let func = Item::Func(self.func_index(desc)?);
        let import = self.module().info().imports.iter().find(|import| import.item == func)?;
        Some(ImportName { module: import.module.clone(), name: import.name.clone() })
    }

    pub(crate) fn global_at(&self, index: u32) -> Global {
        match self.0.globals.get(index as usize) {
            Some(global) => global.clone(),
            None => {
                let ty = self.module().info().globals[index as usize].ty;
                let cell = self.0.context.cell::<u128>(self.module().layout().global(index));
                // SAFETY: the instance keeps its context; the cell has this type.
                unsafe { Global::in_context(ty, cell, self.0.clone(), self.0.kept_by_globals.clone()) }
            }
        }
    }

    pub(crate) fn memory_at(&self, index: usize) -> Result<&Memory, Trap> {
        self.0.memories.get(index).ok_or_else(|| TrapKind::MemoryOutOfBounds.into())
    }

    pub(crate) fn table_at(&self, index: u32) -> Result<&Table, Trap> {
        self.0.tables.get(index as usize).ok_or_else(|| TrapKind::TableOutOfBounds.into())
    }

    /// Makes an imported table keep the owner of a function that is put into it.
    pub(crate) fn keep_in(&self, table: &Table, bits: u64) {
        let own = self.0.tables[self.module().info().imported_tables as usize..].iter();
        if bits == 0 || !table.element_type().is_ref() || own.clone().any(|own| own.same(table)) {
            return;
        }
        if table.element_type() == ValType::FuncRef {
            // SAFETY: compiled code holds it, so it is alive.
            if let Some(func) = unsafe { Func::from_desc(bits) } {
                table.keep(&func);
            }
        }
    }

    /// Keeps the owner of a function that comes in as a value.
    pub(crate) fn keep_value(&self, value: &Val) {
        let Val::FuncRef(Some(func)) = value else { return };
        let mut kept = self.0.kept.borrow_mut();
        let own = func.owner().is_some_and(|owner| owner.same(self));
        if !own && !kept.iter().any(|known| known.same_owner(func)) {
            kept.push(func.clone());
        }
    }

    /// Compiled code is at a poll.
    pub(crate) fn poll(&self) -> Result<(), Trap> {
        let limit = self.0.stack.limit();
        let wishes = self.0.context.take_wishes(limit);
        if wishes & INTERRUPT != 0 {
            return Err(TrapKind::Interrupted.into());
        }
        // SAFETY: the context is this thread's.
        let fp = unsafe { (*self.0.context.header()).wasm_fp };
        // The way out has pushed a return address and a frame pointer.
        if fp + 16 <= limit {
            return Err(TrapKind::StackOverflow.into());
        }
        if wishes & FREEZE != 0 {
            if nesting::is_outermost() {
                return Err(TrapKind::Frozen.into());
            }
            // The host's frames below cannot be frozen: later, when they are gone.
            self.0.context.put_off(FREEZE);
        }
        Ok(())
    }

    /// As [`poll`](Self::poll), if somebody asks for it: between the pieces of an operator.
    pub(crate) fn poll_if_asked(&self) -> Result<(), Trap> {
        if self.0.context.is_asked() { self.poll() } else { Ok(()) }
    }

    // What freezing asks for.

    pub(crate) fn stop(&self, at: Stopped) {
        self.0.stopped.set(Some(at));
    }

    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.0.stopped.get()
    }

    /// The code is entered: nothing is left of where it stopped before.
    pub(crate) fn start(&self) {
        self.0.stopped.set(None);
        self.0.waiting.replace(None);
        self.0.rest.set(None);
    }

    /// The code is left in the middle of an operator.
    pub(crate) fn leave(&self, rest: Rest) {
        self.0.rest.set(Some(rest));
    }

    /// What is left of the operator that the code was left in.
    pub(crate) fn rest(&self) -> Option<Rest> {
        self.0.rest.get()
    }

    pub(crate) fn wait_for(&self, call: HostCall) {
        self.0.waiting.replace(Some(call));
    }

    pub(crate) fn waiting(&self) -> Option<HostCall> {
        self.0.waiting.borrow().clone()
    }

    pub(crate) fn tables(&self) -> &[Table] {
        &self.0.tables
    }

    pub(crate) fn memories(&self) -> &[Memory] {
        &self.0.memories
    }

    /// Remembers what ends the entry.
    pub(crate) fn fail(&self, trap: Trap) {
        self.0.failure.replace(Some(Failure::Trap(trap)));
    }

    pub(crate) fn fail_by_panic(&self, panic: Box<dyn Any + Send>) {
        self.0.failure.replace(Some(Failure::Panic(panic)));
    }

    /// What has ended the entry; goes on panicking if it was a panic.
    pub(crate) fn take_failure(&self) -> Trap {
        match self.0.failure.take() {
            Some(Failure::Trap(trap)) => trap,
            Some(Failure::Panic(panic)) => std::panic::resume_unwind(panic),
            None => TrapKind::Host.into(),
        }
    }
}

/// Checks imports and sorts them by kind.
fn sort_imports(module: &Module, externs: &[Extern]) -> Result<Imports, LinkError> {
    let info = module.info();
    let mut imports = Imports::default();
    for (index, import) in info.imports.iter().enumerate() {
        let (module, name) = (import.module.clone(), import.name.clone());
        let Some(given) = externs.get(index) else { return Err(LinkError::Missing { module, name }) };
        let wanted = info.item_type(import.item);
        if !given.fits(&wanted) {
            let (wanted, found) = (Box::new(wanted), Box::new(given.ty()));
            return Err(LinkError::Mismatch { module, name, wanted, found });
        }
        match given.clone() {
            Extern::Func(func) => imports.funcs.push(func),
            Extern::Table(table) => imports.tables.push(table),
            Extern::Memory(memory) => imports.memories.push(memory),
            Extern::Global(global) => imports.globals.push(global),
        }
    }
    Ok(imports)
}
