//! What a frame that stands at a call has called.

use wasmparser::{BinaryReader, Operator, OperatorsReader};

use crate::module::Module;

/// What an operator calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Callee {
    Func(u32),
    /// A function of this type.
    Type(u32),
}

/// What the call at an offset of the module calls.
pub(crate) fn callee(module: &Module, at: u32) -> Option<Callee> {
    let bytes = module.wasm().get(at as usize..)?;
    let mut operators = OperatorsReader::new(BinaryReader::new(bytes, at.into()));
    match operators.read().ok()? {
        Operator::Call { function_index } => Some(Callee::Func(function_index)),
        Operator::CallIndirect { type_index, .. } => Some(Callee::Type(type_index)),
        _ => None,
    }
}
