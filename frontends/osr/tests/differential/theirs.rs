//! A module in the interpreter.

use wasmi::{Config, Engine, Error, Extern, Func, Linker, Module, Store, TrapCode, Val, ValType};

use super::{Answer, Seen, digest};

/// What instantiation trapped with, or all that can be seen.
pub(crate) fn run(wasm: &[u8]) -> Result<Seen, String> {
    let engine = Engine::new(&Config::default());
    let module = Module::new(&engine, wasm).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = match Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return Err(kind(&error)),
    };
    let mut seen = Seen { calls: Vec::new(), memories: Vec::new(), globals: Vec::new() };
    let mut exports: Vec<(String, Extern)> = module
        .exports()
        .filter_map(|export| Some((export.name().to_owned(), instance.get_export(&store, export.name())?)))
        .collect();
    exports.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, export) in &exports {
        if let Extern::Func(func) = export {
            seen.calls.push((name.clone(), call(&mut store, *func)));
        }
    }
    for (_, export) in &exports {
        match export {
            Extern::Memory(memory) => seen.memories.push(digest(memory.data(&store))),
            Extern::Global(global) => seen.globals.push(bits(&global.get(&store))),
            _ => {}
        }
    }
    Ok(seen)
}

fn call(store: &mut Store<()>, func: Func) -> Answer {
    let ty = func.ty(&*store);
    let params: Vec<Val> = ty.params().iter().map(|&ty| argument(ty)).collect();
    let mut results: Vec<Val> = ty.results().iter().map(|&ty| Val::default_for_ty(ty)).collect();
    match func.call(store, &params, &mut results) {
        Ok(()) => Ok(results.iter().map(bits).collect()),
        Err(error) => Err(kind(&error)),
    }
}

fn argument(ty: ValType) -> Val {
    match ty {
        ValType::I32 => Val::I32(7),
        ValType::I64 => Val::I64(-3),
        ValType::F32 => Val::F32(1.5f32.into()),
        ValType::F64 => Val::F64((-2.25f64).into()),
        ty => Val::default_for_ty(ty),
    }
}

/// In our words.
fn kind(error: &Error) -> String {
    match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => "unreachable".to_owned(),
        Some(TrapCode::TableOutOfBounds) => "beyond a table".to_owned(),
        Some(TrapCode::IndirectCallToNull) => "uninitialized element".to_owned(),
        Some(code) => code.trap_message().to_owned(),
        None if error.to_string().starts_with("out of bounds table access") => "beyond a table".to_owned(),
        None => error.to_string(),
    }
}

fn bits(value: &Val) -> u128 {
    match value {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned().into(),
        Val::F32(value) => value.to_bits().into(),
        Val::F64(value) => value.to_bits().into(),
        Val::V128(value) => value.as_u128(),
        Val::FuncRef(value) => u128::from(!value.is_null()),
        Val::ExternRef(value) => u128::from(!value.is_null()),
    }
}
