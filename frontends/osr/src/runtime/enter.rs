//! Into compiled code and back.

use super::bulk::Rest;
use super::context::FREEZE;
use super::layout::{EntryArgs, VmLayout};
use super::signals::{STATUS_FAULT, STATUS_TRAP};
use super::{builtins, nesting, walk};
use crate::compile::{Arrival, PIN_GPRS, PIN_XMMS, arrivals};
use crate::freeze::FreezeError;
use crate::func::Caller;
use crate::instance::{HostCall, Instance, Stopped};
use crate::trap::{Trap, TrapKind};
use crate::types::ValType;
use crate::value::Val;

/// Bytes below the frame of a way out, which it uses itself.
const BELOW_FRAME: u64 = 256;

/// Calls a function with a body; the arguments have the right types.
pub(crate) fn call(instance: &Instance, func: u32, params: &[Val]) -> Result<Vec<Val>, Trap> {
    let _entry = nesting::Entry::new(instance)?;
    params.iter().for_each(|param| instance.keep_value(param));
    let header = instance.context().header();
    // SAFETY: the context is this thread's, and no code of it runs now.
    let (host_sp, wasm_fp) = unsafe { ((*header).host_sp, (*header).wasm_fp) };
    let stack = if wasm_fp == 0 { instance.stack().top() } else { (wasm_fp - BELOW_FRAME) & !15 };
    let args = entry_args(instance, func, params, stack)?;
    instance.start();
    // SAFETY: the arguments are what the function expects, on a stack that is its own below `stack`.
    let status = unsafe { enter(instance, &args) };
    // SAFETY: as above.
    unsafe { ((*header).host_sp, (*header).wasm_fp) = (host_sp, wasm_fp) };
    instance.context().remind();
    outcome(instance, func, status)
}

/// What an entry has come to.
fn outcome(instance: &Instance, func: u32, status: u64) -> Result<Vec<Val>, Trap> {
    match status {
        0 => {
            // An entry that this one was under may have failed.
            instance.start();
            Ok(results(instance, func))
        }
        STATUS_FAULT => Err(walk::fault(instance)),
        _ => Err(stopped(instance, instance.take_failure())),
    }
}

/// A freeze is one only if all frames under it are compiled code's; else it is still to come.
fn stopped(instance: &Instance, failure: Trap) -> Trap {
    match (failure.kind(), nesting::is_outermost()) {
        (TrapKind::Frozen, true) => {
            instance.context().forget(FREEZE);
            failure
        }
        (TrapKind::Frozen, false) => {
            let trap = Trap::host(FreezeError::Nested { import: nesting::innermost_import() });
            match instance.stopped() {
                // SAFETY: nothing has run on the stack since the code has left there.
                Some(Stopped::Way { fp }) => trap.through(unsafe { walk::callers(instance, fp) }),
                _ => trap,
            }
        }
        _ => failure,
    }
}

/// Goes on with the frames on the instance's stack, from a way out whose frame pointer is `fp`; `waiting`
/// is the host call that was left by it, `func` the function of the oldest frame.
///
/// # Safety
/// The frames are such as the instance's code has left, or would have.
pub(crate) unsafe fn resume(
    instance: &Instance,
    func: u32,
    fp: u64,
    waiting: Option<HostCall>,
) -> Result<Vec<Val>, Trap> {
    let _entry = nesting::Entry::new(instance)?;
    let header = instance.context().header();
    // SAFETY: the context is this thread's, and no code of it runs now.
    unsafe { (*header).wasm_fp = fp };
    let done = match (waiting, instance.rest()) {
        (Some(call), _) => again(instance, call),
        (None, Some(rest)) => finish(instance, rest),
        (None, None) => Ok(()),
    };
    let status = match done {
        // SAFETY: the caller's contract; results of a host call are where the code expects them.
        Ok(()) => unsafe { resume_code(instance, fp) },
        Err(trap) => {
            instance.stop(Stopped::Way { fp });
            // SAFETY: the caller's contract.
            instance.fail(trap.through(unsafe { walk::callers(instance, fp) }));
            STATUS_TRAP
        }
    };
    // SAFETY: as above.
    unsafe { ((*header).host_sp, (*header).wasm_fp) = (0, 0) };
    instance.context().remind();
    outcome(instance, func, status)
}

/// Calls a host function once more.
fn again(instance: &Instance, call: HostCall) -> Result<(), Trap> {
    let function = call.function.and_then(|index| instance.imported_func(index));
    let func = function.cloned().ok_or(TrapKind::UninitializedElement)?;
    let _call = nesting::Call::new(instance, func.desc_address());
    let answer = func.call_from(Caller::new(Some(instance)), &call.arguments);
    // SAFETY: the context is this thread's.
    let done = answer.map(|results| unsafe { builtins::write_results(instance, &results) });
    if done.is_err() {
        instance.wait_for(call);
    }
    done
}

/// Does the rest of an operator.
fn finish(instance: &Instance, rest: Rest) -> Result<(), Trap> {
    let value = rest.finish(instance)?;
    // SAFETY: the context is this thread's; the code takes the runtime's answer from there.
    unsafe { (*instance.context().header()).result_gpr = value };
    Ok(())
}

/// Jumps in.
///
/// # Safety
/// As for [`resume`].
unsafe fn resume_code(instance: &Instance, fp: u64) -> u64 {
    type Resume = unsafe extern "sysv64" fn(u64, u64) -> u64;
    instance.start();
    let address = instance.module().address(instance.module().thunks().resume);
    let code = std::ptr::with_exposed_provenance::<()>(address as usize);
    // SAFETY: the thunk was written for this signature.
    let resume = unsafe { std::mem::transmute::<*const (), Resume>(code) };
    // SAFETY: the caller's contract.
    unsafe { resume(instance.context().address(), fp) }
}

/// Jumps in.
///
/// # Safety
/// `args` names a function of the instance with its arguments.
unsafe fn enter(instance: &Instance, args: &EntryArgs) -> u64 {
    type Enter = unsafe extern "sysv64" fn(u64, *const EntryArgs) -> u64;
    let address = instance.module().address(instance.module().thunks().enter);
    let code = std::ptr::with_exposed_provenance::<()>(address as usize);
    // SAFETY: the thunk was written for this signature.
    let enter = unsafe { std::mem::transmute::<*const (), Enter>(code) };
    // SAFETY: the caller's contract.
    unsafe { enter(instance.context().address(), args) }
}

/// Distributes arguments over registers and the stack.
fn entry_args(instance: &Instance, func: u32, params: &[Val], stack: u64) -> Result<EntryArgs, Trap> {
    let module = instance.module();
    let types = module.info().func_type(func).params();
    let in_memory = arrivals(types).filter(|arrival| matches!(arrival, Arrival::Memory(_))).count() as u64;
    let stack = stack - 16 * in_memory;
    if stack <= instance.stack().limit() {
        return Err(TrapKind::StackOverflow.into());
    }
    let mut args = EntryArgs { code: module.func_address(func), stack, ..EntryArgs::default() };
    for (param, arrival) in params.iter().zip(arrivals(types)) {
        let bits = param.to_bits();
        match arrival {
            Arrival::Gpr(reg) => set(&mut args.args.gprs, &PIN_GPRS, reg, bits as u64),
            Arrival::Xmm(reg) => set(&mut args.args.vectors, &PIN_XMMS, reg, bits),
            Arrival::Memory(k) => {
                let at = std::ptr::with_exposed_provenance_mut::<u128>((stack + 16 * u64::from(k)) as usize);
                // SAFETY: on the instance's stack, above its limit, below everything in use.
                unsafe { at.write(bits) };
            }
        }
    }
    Ok(args)
}

/// Puts a value in a register's place.
fn set<R: PartialEq, T>(values: &mut [T], registers: &[R], register: R, value: T) {
    if let Some(index) = registers.iter().position(|known| *known == register) {
        values[index] = value;
    }
}

/// What the function has left in the context.
fn results(instance: &Instance, func: u32) -> Vec<Val> {
    let types = instance.module().info().func_type(func).results();
    let bits = |(k, &ty): (usize, &ValType)| result_bits(instance, k, ty);
    let values = types.iter().enumerate().map(|(k, ty)| (*ty, bits((k, ty))));
    // SAFETY: the function's results have these types; references in them are alive, since the instance
    // keeps what it can get at.
    values.map(|(ty, bits)| unsafe { Val::from_bits(ty, bits) }).collect()
}

fn result_bits(instance: &Instance, k: usize, ty: ValType) -> u128 {
    let context = instance.context();
    let header = context.header();
    // SAFETY: the context is this thread's.
    unsafe {
        match (k, ty.is_vector_class()) {
            (0, false) => (*header).result_gpr.into(),
            (0, true) => (*header).result_vector,
            _ => context.cell::<u128>(VmLayout::result(k)).read(),
        }
    }
}
