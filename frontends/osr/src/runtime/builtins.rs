//! What compiled code asks the runtime for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::layout::{BUILTINS, RegisterArgs, VmHeader, VmLayout};
use super::signals::STATUS_TRAP;
use super::{bulk, nesting, walk};
use crate::compile::{ARG_GPRS, Arrival, PIN_GPRS, PIN_XMMS, arrivals};
use crate::func::{Caller, Func};
use crate::instance::{HostCall, Instance, InstanceInner, Stopped};
use crate::trap::{Trap, TrapKind};
use crate::types::ValType;
use crate::value::Val;

/// What a runtime function answers, in rax and rdx.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Answer {
    value: u64,
    /// 0, or what the entry shall answer.
    status: u64,
}

type Builtin = unsafe extern "sysv64" fn(*mut VmHeader, u64, u64, u64, u64, u64) -> Answer;

/// Their addresses, by number.
pub(crate) fn addresses() -> [u64; BUILTINS] {
    let table: [Builtin; BUILTINS] = [
        poll,
        call_foreign,
        memory_grow,
        memory_fill,
        memory_copy,
        memory_init,
        data_drop,
        table_get,
        table_set,
        table_grow,
        table_fill,
        table_copy,
        table_init,
        elem_drop,
    ];
    table.map(|function| (function as *const ()).expose_provenance() as u64)
}

/// Runs `action` for the instance of a context; its failure ends the entry.
///
/// # Safety
/// `context` is that of compiled code that has just called the runtime.
unsafe fn serve(context: *mut VmHeader, action: impl FnOnce(&Instance) -> Result<u64, Trap>) -> Answer {
    // SAFETY: the caller's contract.
    let instance = unsafe { InstanceInner::of_context(context.expose_provenance() as u64) };
    match catch_unwind(AssertUnwindSafe(|| action(&instance))) {
        Ok(Ok(value)) => Answer { value, status: 0 },
        Ok(Err(trap)) => {
            // SAFETY: the way out stored its frame pointer.
            let fp = unsafe { (*context).wasm_fp };
            instance.stop(Stopped::Way { fp });
            // Nobody looks at a frozen instance's trap.
            let frames = match trap.kind() {
                TrapKind::Frozen => Vec::new(),
                // SAFETY: as above.
                _ => unsafe { walk::callers(&instance, fp) },
            };
            instance.fail(trap.through(frames));
            Answer { value: 0, status: STATUS_TRAP }
        }
        Err(panic) => {
            instance.fail_by_panic(panic);
            Answer { value: 0, status: STATUS_TRAP }
        }
    }
}

/// Makes functions of the runtime: `name(instance, arguments) body`.
macro_rules! builtins {
    ($($(#[$doc:meta])* $name:ident($instance:ident, $a:tt, $b:tt, $c:tt, $d:tt, $e:tt) $body:block)*) => { $(
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by compiled code, with its context.
        unsafe extern "sysv64" fn $name(context: *mut VmHeader, $a: u64, $b: u64, $c: u64, $d: u64, $e: u64) -> Answer {
            // SAFETY: as above.
            unsafe { serve(context, |$instance| $body) }
        }
    )* };
}

builtins! {
    /// Compiled code is at a poll, and its stack pointer at the limit.
    poll(instance, _, _, _, _, _) {
        instance.poll().map(|()| 0)
    }

    memory_grow(instance, pages, _, _, _, _) {
        let grown = instance.memory_at(0)?.grow(pages as u32);
        Ok(grown.unwrap_or(u32::MAX).into())
    }

    data_drop(instance, segment, _, _, _, _) {
        instance.drop_data(segment as u32);
        Ok(0)
    }

    table_get(instance, index, table, _, _, _) {
        instance.table_at(table as u32)?.get_bits(index as u32)
    }

    table_set(instance, index, value, table, _, _) {
        let table = instance.table_at(table as u32)?;
        instance.keep_in(table, value);
        table.set_bits(index as u32, value).map(|()| 0)
    }

    elem_drop(instance, segment, _, _, _, _) {
        instance.drop_elements(segment as u32);
        Ok(0)
    }
}

/// Makes functions of the runtime of operators on much memory.
macro_rules! bulk_builtins {
    ($($name:ident)*) => {
        builtins! { $($name(instance, a, b, c, d, e) { bulk::$name(instance, [a, b, c, d, e]) })* }
    };
}

bulk_builtins! { memory_fill memory_copy memory_init table_grow table_fill table_copy table_init }

/// Calls a function that is not the calling instance's own: `desc` is its descriptor, `args` what the
/// registers held; arguments in memory lie above the way out's frame.
///
/// # Safety
/// Called by compiled code, with its context.
unsafe extern "sysv64" fn call_foreign(
    context: *mut VmHeader,
    desc: u64,
    args: u64,
    _: u64,
    _: u64,
    _: u64,
) -> Answer {
    let action = |instance: &Instance| {
        // SAFETY: the descriptor came out of a context or a table, whose functions are alive.
        let Some(func) = (unsafe { Func::from_desc(desc) }) else {
            return Err(TrapKind::UninitializedElement.into());
        };
        // SAFETY: the way out has stored the registers, and its frame pointer.
        let params = unsafe { read_args(func.ty().params(), args, (*context).wasm_fp) };
        let call = nesting::Call::new(instance, desc);
        let answer = func.call_from(Caller::new(Some(instance)), &params);
        drop(call);
        if answer.is_err() {
            let function = instance.func_index(desc).filter(|&index| instance.imported_func(index).is_some());
            instance.wait_for(HostCall { function, arguments: params });
        }
        let results = answer?;
        // SAFETY: the context is this thread's.
        unsafe { write_results(instance, &results) };
        Ok(0)
    };
    // SAFETY: the caller's contract.
    unsafe { serve(context, action) }
}

/// Arguments as the way out has stored them.
///
/// # Safety
/// `args` is the address of a [`RegisterArgs`], `fp` the frame pointer above which the others lie, for a
/// call with arguments of these types.
unsafe fn read_args(types: &[ValType], args: u64, fp: u64) -> Vec<Val> {
    // SAFETY: the caller's contract.
    let registers =
        unsafe { std::ptr::with_exposed_provenance::<RegisterArgs>(args as usize).read_unaligned() };
    let bits = |arrival| match arrival {
        Arrival::Gpr(reg) => registers.gprs[index_of(&PIN_GPRS[..ARG_GPRS], reg)].into(),
        Arrival::Xmm(reg) => registers.vectors[index_of(&PIN_XMMS, reg)],
        Arrival::Memory(k) => {
            let at = std::ptr::with_exposed_provenance::<u128>((fp + 16 + 16 * u64::from(k)) as usize);
            // SAFETY: the caller's contract.
            unsafe { at.read_unaligned() }
        }
    };
    // SAFETY: values of these types; references are alive, since the calling instance keeps them.
    types.iter().zip(arrivals(types)).map(|(&ty, at)| unsafe { Val::from_bits(ty, bits(at)) }).collect()
}

fn index_of<R: PartialEq>(registers: &[R], register: R) -> usize {
    registers.iter().position(|known| *known == register).unwrap_or(0)
}

/// Puts results where compiled code expects those of a call.
///
/// # Safety
/// The context is this thread's.
pub(crate) unsafe fn write_results(instance: &Instance, results: &[Val]) {
    let context = instance.context();
    for (k, value) in results.iter().enumerate() {
        instance.keep_value(value);
        let bits = value.to_bits();
        let header = context.header();
        // SAFETY: the caller's contract.
        unsafe {
            match (k, value.ty().is_vector_class()) {
                (0, false) => (*header).result_gpr = bits as u64,
                (0, true) => (*header).result_vector = bits,
                _ => context.cell::<u128>(VmLayout::result(k)).write(bits),
            }
        }
    }
}
