//! WASI's functions as imports.

use std::cell::RefCell;
use std::rc::Rc;

use midstride_statemap::HostState;
use midstride_wasi::{
    Errno, Exit, FUNCTIONS, FreezeError, Function, GuestMemory, MODULE, OutOfBounds, Streams, ThawError,
    UNSTABLE_FUNCTIONS, ValType as Ty, Wasi,
};

use crate::freeze::Frozen;
use crate::func::Caller;
use crate::linker::Linker;
use crate::runtime::memory::Memory;
use crate::trap::{Trap, TrapKind};
use crate::types::{FuncType, ValType};
use crate::value::Val;

/// What one instance has of its host by WASI preview 1.
///
/// Clones are the same. A program's end is a [`Trap`] whose [`host_error`](Trap::host_error) is an [`Exit`].
/// A call that waits and is interrupted ([`Wasi::interrupt`]) freezes the instance there.
///
/// ```
/// use midstride_osr::{Engine, Linker, Module, WasiCtx};
/// use midstride_wasi::{Builder, Exit};
///
/// let engine = Engine::new(Default::default())?;
/// let module = Module::new(&engine, r#"
///     (module
///       (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
///       (memory (export "memory") 1)
///       (func (export "_start") (call $exit (i32.const 7))))
/// "#)?;
/// let wasi = WasiCtx::new(Builder::new().build()?);
/// let mut linker = Linker::new();
/// wasi.add_to_linker(&mut linker);
/// let start = linker.instantiate(&module)?.get_typed_func::<(), ()>("_start")?;
/// let trap = start.call(()).unwrap_err();
/// assert_eq!(WasiCtx::exit_of(&trap), Some(Exit::Process { code: 7 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct WasiCtx(Rc<RefCell<Wasi>>);

impl WasiCtx {
    /// Out of one that was built or thawed.
    #[must_use]
    pub fn new(wasi: Wasi) -> Self {
        Self(Rc::new(RefCell::new(wasi)))
    }

    /// Provides all functions of the interface, and of the version before it (`wasi_unstable`).
    pub fn add_to_linker(&self, linker: &mut Linker) {
        for function in FUNCTIONS.iter().chain(UNSTABLE_FUNCTIONS) {
            let (wasi, ty) =
                (self.clone(), FuncType::new(types(function.params()), types(function.results())));
            linker.func_new(function.module(), function.name(), ty, move |caller, args, results| {
                let errno = wasi.call(function, &caller, args)?;
                results.iter_mut().for_each(|result| *result = Val::I32(errno.raw().into()));
                Ok(())
            });
        }
    }

    /// Looks at it, or changes it, between calls of the guest's.
    pub fn with<R>(&self, action: impl FnOnce(&mut Wasi) -> R) -> R {
        action(&mut self.0.borrow_mut())
    }

    /// Why a call of the guest's did not return, if it is what a trap is about.
    #[must_use]
    pub fn exit_of(trap: &Trap) -> Option<Exit> {
        trap.host_error()?.downcast_ref().copied()
    }

    fn call(&self, function: &Function, caller: &Caller<'_>, args: &[Val]) -> Result<Errno, Trap> {
        let args: Vec<u64> = args.iter().map(bits).collect();
        loop {
            match self.call_once(function, caller, &args) {
                // The engine makes the call again when it goes on.
                Err(Exit::Interrupted) if caller.can_be_frozen() => return Err(TrapKind::Frozen.into()),
                // The freeze comes when what is below has returned.
                Err(Exit::Interrupted) => self.with(|wasi| wasi.interrupt().clear()),
                answer => return answer.map_err(Trap::host),
            }
        }
    }

    fn call_once(&self, function: &Function, caller: &Caller<'_>, args: &[u64]) -> Result<Errno, Exit> {
        let mut wasi = self.0.borrow_mut();
        // A guest without a memory has no byte of it.
        match caller.memory() {
            Some(memory) => wasi.call(function, &mut View(memory), args),
            None => wasi.call(function, &mut [0_u8; 0], args),
        }
    }

    /// Adds its state to a frozen instance's.
    ///
    /// # Errors
    /// [`FreezeError`] names what the guest has open that could not be opened again.
    pub fn freeze_into(&self, frozen: &mut Frozen) -> Result<(), FreezeError> {
        frozen.set_host_state(MODULE, self.0.borrow().freeze()?.to_bytes());
        Ok(())
    }

    /// Out of the state that [`freeze_into`](Self::freeze_into) added: what an image keeps for hosts.
    /// `None` when there is none of this interface's.
    ///
    /// # Errors
    /// [`ThawError`] names what cannot be opened again.
    pub fn thaw(host: &[HostState], streams: Streams) -> Result<Option<Self>, ThawError> {
        let Some(part) = host.iter().find(|part| part.name == MODULE) else { return Ok(None) };
        let wasi = midstride_wasi::Frozen::from_bytes(&part.bytes)?.thaw(streams)?;
        Ok(Some(Self::new(wasi)))
    }
}

fn types(types: &[Ty]) -> impl Iterator<Item = ValType> {
    types.iter().map(|ty| match ty {
        Ty::I32 => ValType::I32,
        Ty::I64 => ValType::I64,
    })
}

/// An argument as the interface takes it. Types were checked when it was linked.
fn bits(arg: &Val) -> u64 {
    match arg {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned(),
        _ => 0,
    }
}

/// A linear memory in the interface's eyes.
struct View(Memory);

impl GuestMemory for View {
    fn size(&self) -> u64 {
        self.0.data_size() as u64
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), OutOfBounds> {
        let outside = OutOfBounds { at, bytes: into.len() as u64 };
        self.0.read(at, into).map_err(|_| outside)
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), OutOfBounds> {
        self.0.write(at, from).map_err(|_| OutOfBounds { at, bytes: from.len() as u64 })
    }
}
