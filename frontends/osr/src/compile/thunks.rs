//! The ways between compiled code and the rest: in from the host, out to the runtime, out to functions
//! of other instances and of the host.
//!
//! Compiled code runs on a stack of its own. Whoever leaves it goes to the host's stack, at the place
//! where it was left, so that neither depends on how much of the other is in use.

use std::mem::offset_of;

use midstride_addr::CachePc;
use midstride_asm::{Alu, Cond, EmitError, Gpr, LooseLabel, Mem, Scale, Width, Writer};

use super::regs::{ARG_GPRS, ARG_XMMS, CONTEXT, MEMORY, PIN_GPRS, PIN_XMMS, RESULT, RESULT_X};
use crate::runtime::layout::{Builtin, EntryArgs, RegisterArgs, offset};

/// Where the thunks are in a module's code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThunkOffsets {
    /// From the host: `extern "sysv64" fn(context, *const EntryArgs) -> status`.
    pub(crate) enter: u32,
    /// Jumped to with a status in eax: back to whoever entered.
    pub(crate) exit: u32,
    /// Where functions that were entered from the host return to.
    pub(crate) returned: u32,
    /// Goes on with frames that lie on the stack: `extern "sysv64" fn(context, stack) -> status`. At `stack`
    /// are a frame pointer and the address to go on at.
    pub(crate) resume: u32,
    /// Calls the runtime function at the context offset in rax.
    pub(crate) runtime: u32,
    /// Calls the function with the descriptor in rax.
    pub(crate) foreign: u32,
}

/// What a caller in System V code expects to keep.
const SAVED: [Gpr; 6] = [Gpr::Rbp, Gpr::Rbx, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15];

/// Writes the thunks to the start of a module's code; how many bytes they are.
pub(crate) fn write(code: &mut [u8]) -> Result<(ThunkOffsets, usize), EmitError> {
    let mut w = Writer::new(code, CachePc::new(0));
    let mut exit = LooseLabel::new();
    let (enter, returned) = write_enter(&mut w, &mut exit);
    w.align(16);
    let resume = write_resume(&mut w);
    w.align(16);
    let runtime = w.offset().get();
    write_runtime(&mut w, &mut exit);
    w.align(16);
    let foreign = w.offset().get();
    write_foreign(&mut w, &mut exit);
    let exit = exit.place().map_or(0, |place| place.get());
    let len = w.finish()?.bytes().len();
    Ok((ThunkOffsets { enter, exit, returned, resume, runtime, foreign }, len))
}

fn context(offset: i32) -> Mem {
    Mem::base(CONTEXT, offset)
}

/// Saves what the host expects to keep, and sets what is the same in all compiled code.
fn write_way_in(w: &mut Writer<'_>) {
    SAVED.iter().for_each(|&reg| w.push_r(reg));
    w.alu_ri(Width::W64, Alu::Sub, Gpr::Rsp, 8);
    w.mov_rr(Width::W64, CONTEXT, Gpr::Rdi);
    w.mov_rm(Width::W64, MEMORY, context(offset::MEMORY_BASE));
    w.mov_mr(Width::W64, context(offset::HOST_SP), Gpr::Rsp);
}

/// As if the runtime returned: from a poll, or from a call, whose results are in the context.
fn write_resume(w: &mut Writer<'_>) -> u32 {
    let start = w.offset().get();
    write_way_in(w);
    w.mov_rr(Width::W64, Gpr::Rsp, Gpr::Rsi);
    w.mov_rm(Width::W64, RESULT, context(offset::RESULT_GPR));
    w.movups_xm(RESULT_X, context(offset::RESULT_VECTOR));
    w.pop_r(Gpr::Rbp);
    w.ret();
    start
}

/// Answers where it starts, and where the function that is called returns to.
fn write_enter(w: &mut Writer<'_>, exit: &mut LooseLabel) -> (u32, u32) {
    let start = w.offset().get();
    write_way_in(w);
    load_args(w);
    w.call_r(Gpr::Rax);
    let returned = w.offset().get();
    w.mov_mr(Width::W64, context(offset::RESULT_GPR), RESULT);
    w.movups_mx(context(offset::RESULT_VECTOR), RESULT_X);
    w.alu_rr(Width::W32, Alu::Xor, Gpr::Rax, Gpr::Rax);
    w.bind_loose(exit);
    w.mov_rm(Width::W64, Gpr::Rsp, context(offset::HOST_SP));
    w.alu_ri(Width::W64, Alu::Add, Gpr::Rsp, 8);
    SAVED.iter().rev().for_each(|&reg| w.pop_r(reg));
    w.ret();
    (start, returned)
}

/// Loads what [`EntryArgs`] says; rsi holds its address, and is loaded last.
fn load_args(w: &mut Writer<'_>) {
    let field = |offset: usize| Mem::base(Gpr::Rsi, offset as i32);
    w.mov_rm(Width::W64, Gpr::Rax, field(offset_of!(EntryArgs, code)));
    w.mov_rm(Width::W64, Gpr::Rsp, field(offset_of!(EntryArgs, stack)));
    w.alu_rr(Width::W32, Alu::Xor, Gpr::Rbp, Gpr::Rbp);
    let args = offset_of!(EntryArgs, args);
    for (n, &reg) in PIN_XMMS[..ARG_XMMS].iter().enumerate() {
        w.movups_xm(reg, field(args + offset_of!(RegisterArgs, vectors) + 16 * n));
    }
    for (n, &reg) in PIN_GPRS[..ARG_GPRS].iter().enumerate().rev() {
        w.mov_rm(Width::W64, reg, field(args + offset_of!(RegisterArgs, gprs) + 8 * n));
    }
}

/// Goes to the host's stack.
fn switch_stack(w: &mut Writer<'_>) {
    w.mov_mr(Width::W64, context(offset::WASM_FP), Gpr::Rbp);
    w.mov_rr(Width::W64, Gpr::Rdi, CONTEXT);
    w.mov_rm(Width::W64, Gpr::Rsp, context(offset::HOST_SP));
}

/// Comes back, or leaves compiled code altogether when rdx holds a status.
fn return_or_exit(w: &mut Writer<'_>, exit: &mut LooseLabel) {
    let mut go_on = LooseLabel::new();
    w.mov_rr(Width::W64, Gpr::Rsp, Gpr::Rbp);
    w.pop_r(Gpr::Rbp);
    w.test_rr(Width::W64, Gpr::Rdx, Gpr::Rdx);
    w.jcc_loose_short(Cond::E, &mut go_on);
    w.mov_rr(Width::W32, Gpr::Rax, Gpr::Rdx);
    w.jmp_loose(exit);
    w.bind_loose(&mut go_on);
}

fn write_runtime(w: &mut Writer<'_>, exit: &mut LooseLabel) {
    w.push_r(Gpr::Rbp);
    w.mov_rr(Width::W64, Gpr::Rbp, Gpr::Rsp);
    switch_stack(w);
    w.call_m(Mem::base_index(CONTEXT, Gpr::Rax, Scale::X1, 0));
    return_or_exit(w, exit);
    w.ret();
}

fn write_foreign(w: &mut Writer<'_>, exit: &mut LooseLabel) {
    w.push_r(Gpr::Rbp);
    w.mov_rr(Width::W64, Gpr::Rbp, Gpr::Rsp);
    w.alu_ri(Width::W64, Alu::Sub, Gpr::Rsp, size_of::<RegisterArgs>() as i32);
    let field = |offset: usize| Mem::base(Gpr::Rsp, offset as i32);
    for (n, &reg) in PIN_GPRS[..ARG_GPRS].iter().enumerate() {
        w.mov_mr(Width::W64, field(offset_of!(RegisterArgs, gprs) + 8 * n), reg);
    }
    for (n, &reg) in PIN_XMMS[..ARG_XMMS].iter().enumerate() {
        w.movups_mx(field(offset_of!(RegisterArgs, vectors) + 16 * n), reg);
    }
    w.mov_rr(Width::W64, Gpr::Rsi, Gpr::Rax);
    w.mov_rr(Width::W64, Gpr::Rdx, Gpr::Rsp);
    switch_stack(w);
    w.call_m(context(Builtin::CallForeign.offset()));
    return_or_exit(w, exit);
    w.mov_rm(Width::W64, RESULT, context(offset::RESULT_GPR));
    w.movups_xm(RESULT_X, context(offset::RESULT_VECTOR));
    w.ret();
}
