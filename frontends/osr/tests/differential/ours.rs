//! A module in our engine.

use midstride_osr::{Config, Engine, Extern, LinkError, Linker, Module, Trap, TrapKind, Val, ValType};

use super::freezing::{Freezer, Member};
use super::{Answer, Seen, digest};

/// `None` when it cannot be instantiated.
pub(crate) fn run(wasm: &[u8], freezer: &mut Freezer) -> Result<Seen, String> {
    let engine = Engine::new(Config { stack_bytes: 1 << 20, polls: freezer.polls }).unwrap();
    let module = Module::from_binary(&engine, wasm).unwrap();
    let instance = match Linker::new().instantiate(&module) {
        Ok(instance) => instance,
        Err(LinkError::Trap(trap)) => return Err(kind(&trap)),
        Err(error) => panic!("{error}"),
    };
    let member = Member::new(instance, Linker::new());
    let mut seen = Seen { calls: Vec::new(), memories: Vec::new(), globals: Vec::new() };
    let mut exports: Vec<String> = module.exports().map(|(name, _)| name.to_owned()).collect();
    exports.sort();
    for name in &exports {
        let Some(func) = member.instance().get_func(name) else { continue };
        let params: Vec<Val> = func.ty().params().iter().map(|&ty| argument(ty)).collect();
        seen.calls.extend(freezer.call(&member, name, &params).map(|result| (name.clone(), answer(result))));
    }
    for name in &exports {
        match member.instance().get_export(name) {
            Some(Extern::Memory(memory)) => {
                let mut bytes = vec![0; memory.data_size()];
                memory.read(0, &mut bytes).unwrap();
                seen.memories.push(digest(&bytes));
            }
            Some(Extern::Global(global)) => seen.globals.push(bits(&global.get())),
            _ => {}
        }
    }
    Ok(seen)
}

fn argument(ty: ValType) -> Val {
    match ty {
        ValType::I32 => Val::I32(7),
        ValType::I64 => Val::I64(-3),
        ValType::F32 => Val::from(1.5f32),
        ValType::F64 => Val::from(-2.25f64),
        ty => Val::default_of(ty),
    }
}

fn answer(result: Result<Vec<Val>, Trap>) -> Answer {
    result.map(|values| values.iter().map(bits).collect()).map_err(|trap| kind(&trap))
}

/// What a trap is about, in words that both engines can be brought to.
fn kind(trap: &Trap) -> String {
    match trap.kind() {
        TrapKind::TableOutOfBounds | TrapKind::UndefinedElement => "beyond a table".to_owned(),
        kind => kind.to_string(),
    }
}

/// References are compared by being there or not.
fn bits(value: &Val) -> u128 {
    match value {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned().into(),
        Val::F32(bits) => (*bits).into(),
        Val::F64(bits) => (*bits).into(),
        Val::V128(bits) => *bits,
        Val::FuncRef(func) => func.is_some().into(),
        Val::ExternRef(value) => value.is_some().into(),
    }
}
