//! Runs whole programs in an interpreter, with the crate's functions as their imports.

use std::fmt;

use midstride_wasi::{Exit, FUNCTIONS, Frozen, Function, MODULE, Streams, ValType, Wasi};
use wasmi::{Caller, Engine, Error, FuncType, Linker, Module, Store, Val};

/// What happens to the host side between calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Between {
    Nothing,
    /// Before each call that can be frozen at all it is made into bytes, and a new one out of those.
    FreezeAndThaw,
}

/// The host's side of a run.
pub(crate) struct Host {
    pub(crate) wasi: Wasi,
    pub(crate) between: Between,
    /// How often it was frozen and thawed.
    pub(crate) thaws: usize,
}

/// An [`Exit`] on its way through the interpreter.
#[derive(Debug)]
struct Ended(Exit);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl wasmi::errors::HostError for Ended {}

impl Host {
    pub(crate) fn new(wasi: Wasi, between: Between) -> Self {
        Self { wasi, between, thaws: 0 }
    }

    /// In the place of its host side, one out of its bytes. What cannot be frozen stays.
    fn refresh(&mut self) {
        let Ok(frozen) = self.wasi.freeze() else { return };
        let bytes = frozen.to_bytes();
        self.wasi = Frozen::from_bytes(&bytes).unwrap().thaw(Streams::default()).unwrap();
        let again = self.wasi.freeze().unwrap();
        assert_eq!(without_clocks(&again), without_clocks(&frozen));
        self.thaws += 1;
    }
}

/// The bytes of a frozen state, but for the time in it.
fn without_clocks(frozen: &Frozen) -> String {
    let text = String::from_utf8(frozen.to_bytes()).unwrap();
    let (before, rest) = text.split_once("\"clocks\":[").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    format!("{before}{after}")
}

/// The status a program ends with, and its host's side then.
///
/// # Panics
/// When it traps.
pub(crate) fn run(wasm: &[u8], host: Host) -> (u32, Host) {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).unwrap();
    let mut linker = Linker::new(&engine);
    for function in FUNCTIONS {
        let ty = FuncType::new(types(function.params()), types(function.results()));
        let body = move |caller: Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
            call(function, caller, args, results)
        };
        linker.func_new(MODULE, function.name(), ty, body).unwrap();
    }
    let mut store = Store::new(&engine, host);
    let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
    let start = instance.get_typed_func::<(), ()>(&store, "_start").unwrap();
    let status = match start.call(&mut store, ()) {
        Ok(()) => 0,
        Err(error) => match error.downcast_ref::<Ended>() {
            Some(Ended(Exit::Process { code })) => *code,
            _ => panic!("{error}"),
        },
    };
    (status, store.into_data())
}

fn types(types: &[ValType]) -> Vec<wasmi::ValType> {
    let ty = |ty: &ValType| match ty {
        ValType::I32 => wasmi::ValType::I32,
        ValType::I64 => wasmi::ValType::I64,
    };
    types.iter().map(ty).collect()
}

fn call(
    function: &'static Function,
    mut caller: Caller<'_, Host>,
    args: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let args: Vec<u64> = args
        .iter()
        .map(|arg| match arg {
            Val::I64(value) => value.cast_unsigned(),
            other => other.i32().unwrap().cast_unsigned().into(),
        })
        .collect();
    let memory = caller.get_export("memory").and_then(wasmi::Extern::into_memory).unwrap();
    let (mut memory, host) = memory.data_and_store_mut(&mut caller);
    if host.between == Between::FreezeAndThaw {
        host.refresh();
    }
    let errno = host.wasi.call(function, &mut memory, &args).map_err(|exit| Error::host(Ended(exit)))?;
    if let Some(result) = results.first_mut() {
        *result = Val::I32(errno.raw().into());
    }
    Ok(())
}
