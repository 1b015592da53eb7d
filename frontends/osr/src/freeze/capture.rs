//! What an instance is: read from its stack and its context.

use midstride_statemap::{
    Activation, Frame, Global, HostCall, Memory, Mutability, Phase, ResolveError, State, Table,
};

use super::callee::{Callee, callee};
use super::error::{FreezeError, Holder};
use super::values::{image_type, to_image};
use crate::instance::Instance;
use crate::runtime::layout::TrapState;
use crate::runtime::nesting;
use crate::runtime::walk::{self, Located, Standing};
use crate::trap::Check;

/// All of an instance but the contents of its memories.
pub(crate) fn state(instance: &Instance) -> Result<State, FreezeError> {
    let (dropped_data, dropped_elements) = instance.dropped();
    Ok(State {
        activations: activation(instance)?.into_iter().collect(),
        globals: globals(instance)?,
        tables: tables(instance)?,
        memories: instance.memories().iter().map(memory).collect(),
        dropped_data,
        dropped_elements,
        host: Vec::new(),
    })
}

fn globals(instance: &Instance) -> Result<Vec<Global>, FreezeError> {
    let all = 0..instance.module().info().globals.len() as u32;
    all.map(|index| {
        let global = instance.global_at(index);
        let value = to_image(instance, global.ty().content, global.bits());
        let value = value.ok_or(FreezeError::ForeignFunction { place: Holder::Global { global: index } })?;
        let mutability = match global.ty().mutability {
            crate::Mutability::Const => Mutability::Const,
            crate::Mutability::Var => Mutability::Var,
        };
        Ok(Global { value, mutability })
    })
    .collect()
}

fn tables(instance: &Instance) -> Result<Vec<Table>, FreezeError> {
    let table = |(index, table): (u32, &crate::Table)| {
        let ty = table.element_type();
        let bits = table.read_bits(0, table.size()).unwrap_or_default();
        let elements = (0..).zip(&bits).map(|(element, &bits)| {
            let place = Holder::Table { table: index, element };
            to_image(instance, ty, bits.into()).ok_or(FreezeError::ForeignFunction { place })
        });
        let maximum = table.ty().limits.max;
        Ok(Table { ty: image_type(ty), maximum, elements: elements.collect::<Result<_, FreezeError>>()? })
    };
    (0..).zip(instance.tables()).map(table).collect()
}

fn memory(memory: &crate::Memory) -> Memory {
    let maximum = memory.ty().limits.max.map(u64::from);
    let mut image = Memory::new(memory.size().into());
    image.maximum = maximum;
    image
}

/// The entry that has stopped, if there is one.
fn activation(instance: &Instance) -> Result<Option<Activation>, FreezeError> {
    let stack = standing(instance)?;
    let Some(youngest) = stack.first() else { return Ok(None) };
    let site = &youngest.located.site;
    let function = youngest.located.entry.function;
    if site.phase == Phase::Trap && Check::from_note(site.note) == Some(Check::StackOverflow) {
        return Err(FreezeError::NoFrame { function });
    }
    let registers = youngest.faulted.then(|| walk::registers(instance));
    let frames = stack.iter().rev().map(|standing| frame(instance, standing, registers.as_ref()));
    let frames = frames.collect::<Result<_, _>>()?;
    let host_call =
        if site.phase == Phase::Call { Some(host_call(instance, &youngest.located)?) } else { None };
    Ok(Some(Activation { frames, host_call }))
}

/// The frames of an instance that does not run, the youngest first.
pub(crate) fn standing(instance: &Instance) -> Result<Vec<Standing<'_>>, FreezeError> {
    // SAFETY: the context is this thread's.
    if unsafe { (*instance.context().header()).wasm_fp } != 0 {
        return Err(FreezeError::Running { import: nesting::import_called_by(instance) });
    }
    Ok(walk::standing(instance))
}

fn frame(
    instance: &Instance,
    standing: &Standing<'_>,
    registers: Option<&TrapState>,
) -> Result<Frame, FreezeError> {
    let registers = registers.filter(|_| standing.faulted);
    // SAFETY: nothing has run on the stack since the code stopped.
    let frame = unsafe { standing.located.read(instance, standing.fp, registers) };
    let function = standing.located.entry.function;
    frame.map_err(|error| match error {
        ResolveError::BadReference { .. } => {
            FreezeError::ForeignFunction { place: Holder::Frame { function } }
        }
        _ => FreezeError::NoFrame { function },
    })
}

fn host_call(instance: &Instance, caller: &Located<'_>) -> Result<HostCall, FreezeError> {
    // The host's function can be imported more than once: which of them it is, the operator says.
    let called = match callee(instance.module(), caller.entry.body_offset + caller.site.wasm_offset) {
        Some(Callee::Func(function)) => Some(function),
        _ => None,
    };
    let caller = caller.entry.function;
    let waiting = instance.waiting().ok_or(FreezeError::HostCall { function: caller })?;
    let foreign = FreezeError::ForeignFunction { place: Holder::HostCall { function: caller } };
    let values = waiting.arguments.iter().map(|value| to_image(instance, value.ty(), value.to_bits()));
    let function = called.or(waiting.function);
    let (Some(arguments), Some(function)) = (values.collect(), function) else { return Err(foreign) };
    Ok(HostCall { function, arguments, progress: Vec::new() })
}
