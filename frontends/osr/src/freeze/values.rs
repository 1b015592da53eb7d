//! Values of compiled code as values of images, and back.

use midstride_statemap::{ValType as ImageType, Value};

use super::error::ThawError;
use crate::func::Func;
use crate::instance::Instance;
use crate::types::ValType;
use crate::value::{ExternRef, Val};

pub(crate) use crate::compile::sites::map_type as image_type;

/// The same type of an image's.
pub(crate) fn own_type(ty: ImageType) -> ValType {
    match ty {
        ImageType::I32 => ValType::I32,
        ImageType::I64 => ValType::I64,
        ImageType::F32 => ValType::F32,
        ImageType::F64 => ValType::F64,
        ImageType::V128 => ValType::V128,
        ImageType::FuncRef => ValType::FuncRef,
        ImageType::ExternRef => ValType::ExternRef,
    }
}

/// What compiled code holds, as a value of images; `None` for a function that the module does not have.
pub(crate) fn to_image(instance: &Instance, ty: ValType, bits: u128) -> Option<Value> {
    let number = match (ty, bits as u64) {
        (ValType::FuncRef, desc) if desc != 0 => u128::from(instance.func_index(desc)?) + 1,
        (ValType::FuncRef | ValType::ExternRef, bits) => bits.into(),
        _ => bits,
    };
    Value::from_bits(image_type(ty), number)
}

/// What compiled code would hold.
pub(crate) fn to_bits(instance: &Instance, value: Value) -> Result<u128, ThawError> {
    match value {
        Value::FuncRef(Some(function)) => {
            if function as usize >= instance.module().info().funcs.len() {
                return Err(ThawError::NoFunction { function });
            }
            Ok(Func::of(instance, function).desc_address().into())
        }
        Value::ExternRef(Some(number)) => match ExternRef::find(u64::from(number) + 1) {
            Some(_) => Ok(value.bits()),
            None => Err(ThawError::NoExtern { number }),
        },
        _ => Ok(value.bits()),
    }
}

/// As a value of the host's.
pub(crate) fn to_val(instance: &Instance, value: Value) -> Result<Val, ThawError> {
    let bits = to_bits(instance, value)?;
    // SAFETY: functions are the instance's, which is alive.
    Ok(unsafe { Val::from_bits(own_type(value.ty()), bits) })
}
