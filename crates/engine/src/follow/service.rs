//! Calls that are not followed: by them followed code asks the engine, which it must not call itself.
#![allow(unsafe_code, reason = "calls what the program passed in registers")]

use core::arch::naked_asm;

use midstride_asm::Gpr;

use crate::context::ThreadContext;

/// How the caller of [`natively`] runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    /// Natively.
    Native,
    /// Under an engine.
    Followed,
}

/// A call of [`natively`] under way.
struct Call<F, R> {
    work: Option<F>,
    result: Option<R>,
}

/// Runs `work` natively, wherever the caller runs: for functions that are called from followed code and must
/// not be followed themselves, such as those that ask an engine.
///
/// Under an engine `work` runs in the gate. It should be short, since threads that need room in the cache wait for
/// it, and modest, on the gate's stack of 128 KiB; a panic in it ends the process.
pub fn natively<R, F: FnOnce(Caller) -> R>(work: F) -> R {
    let mut call = Call { work: Some(work), result: None };
    // SAFETY: `perform` gets a live call of its own type, and nobody else has it.
    unsafe { service((&raw mut call).cast(), perform::<F, R>, 0) };
    call.result.expect("`perform` stores a result")
}

unsafe extern "C" fn perform<F: FnOnce(Caller) -> R, R>(call: *mut (), _: Perform, followed: u64) {
    // SAFETY: `natively` passes its call, of this type.
    let call = unsafe { &mut *call.cast::<Call<F, R>>() };
    let caller = if followed == 0 { Caller::Native } else { Caller::Followed };
    call.result = call.work.take().map(|work| work(caller));
}

/// [`perform`] for some type; takes its own address, since arguments stay where they are.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Perform(unsafe extern "C" fn(*mut (), Perform, u64));

/// Where [`service`] is.
pub(super) fn service_address() -> u64 {
    service as *const () as u64
}

/// Never built as a block: under an engine the call is carried out by the gate, see [`serve`].
#[unsafe(naked)]
unsafe extern "C" fn service(
    call: *mut (),
    perform: unsafe extern "C" fn(*mut (), Perform, u64),
    followed: u64,
) {
    naked_asm!("jmp rsi")
}

/// Carries out the call of [`service`] that the program is about to make, and returns from it.
pub(crate) fn serve(cx: &mut ThreadContext) {
    let [call, perform] = [Gpr::Rdi, Gpr::Rsi].map(|reg| cx.state.get(reg));
    let perform = core::ptr::with_exposed_provenance::<()>(perform as usize);
    // SAFETY: only `natively` calls `service`, with a function of this type.
    let perform = unsafe { core::mem::transmute::<*const (), Perform>(perform) };
    // SAFETY: and with the call for which it was made; the caller waits for the return.
    unsafe { (perform.0)(core::ptr::with_exposed_provenance_mut(call as usize), perform, 1) };
    let rsp = cx.state.get(Gpr::Rsp);
    // SAFETY: the call instruction pushed its return address there.
    cx.state.pc = unsafe { core::ptr::with_exposed_provenance::<u64>(rsp as usize).read_unaligned() };
    cx.state.set(Gpr::Rsp, rsp.wrapping_add(8));
}
