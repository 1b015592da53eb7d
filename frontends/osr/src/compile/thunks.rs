//! The ways between compiled code and the rest: in from the host, out to the runtime, out to functions
//! of other instances and of the host.
//!
//! Compiled code runs on a stack of its own. Whoever leaves it goes to the host's stack, at the place
//! where it was left, so that neither depends on how much of the other is in use.

use std::mem::offset_of;

use midstride_addr::CachePc;
use midstride_asm::{Alu, Cond, EmitError, Gpr, LooseLabel, Mem, Scale, Width, Writer};

use super::regs::{ARG_GPRS, ARG_XMMS, CONTEXT, MEMORY, PIN_GPRS, PIN_XMMS, RESULT, RESULT_X};
use crate::engine::Polls;
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
    /// Instructions of [`SKIPPED`] bytes that fault, to have the thread stepped from behind them on; 0: none.
    pub(crate) asks: [u32; WAYS_BACK],
}

/// Ways from Rust back into code that was left: all but the one that calls a function, which looks itself
/// whether it is to stop.
const WAYS_BACK: usize = 3;

/// Bytes of `ud2`.
pub(crate) const SKIPPED: u64 = 2;

/// The thunks, and what they have in common.
struct Thunks<'b> {
    w: Writer<'b>,
    exit: LooseLabel,
    polls: Polls,
    asks: [u32; WAYS_BACK],
    /// How many of those there are.
    asked: usize,
}

/// What a caller in System V code expects to keep.
const SAVED: [Gpr; 6] = [Gpr::Rbp, Gpr::Rbx, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15];

/// Writes the thunks to the start of a module's code; how many bytes they are.
pub(crate) fn write(code: &mut [u8], polls: Polls) -> Result<(ThunkOffsets, usize), EmitError> {
    let w = Writer::new(code, CachePc::new(0));
    let mut thunks = Thunks { w, exit: LooseLabel::new(), polls, asks: [0; WAYS_BACK], asked: 0 };
    let (enter, returned) = thunks.write_enter();
    let resume = thunks.write_resume();
    let runtime = thunks.write_runtime();
    let foreign = thunks.write_foreign();
    let exit = thunks.exit.place().map_or(0, |place| place.get());
    let len = thunks.w.finish()?.bytes().len();
    Ok((ThunkOffsets { enter, exit, returned, resume, runtime, foreign, asks: thunks.asks }, len))
}

fn context(offset: i32) -> Mem {
    Mem::base(CONTEXT, offset)
}

impl Thunks<'_> {
    /// Begins the next one; its offset.
    fn begin(&mut self) -> u32 {
        self.w.align(16);
        self.w.offset().get()
    }

    /// Notes whether the thread is in compiled code, for signals that come while a handler runs over it.
    fn note_inside(&mut self, inside: i32) {
        if self.polls == Polls::Stepped {
            self.w.mov_mi(Width::W64, context(offset::INSIDE), inside);
        }
    }

    /// Saves what the host expects to keep, and sets what is the same in all compiled code.
    fn write_way_in(&mut self) {
        SAVED.iter().for_each(|&reg| self.w.push_r(reg));
        self.w.alu_ri(Width::W64, Alu::Sub, Gpr::Rsp, 8);
        self.w.mov_rr(Width::W64, CONTEXT, Gpr::Rdi);
        self.note_inside(1);
        self.w.mov_rm(Width::W64, MEMORY, context(offset::MEMORY_BASE));
        self.w.mov_mr(Width::W64, context(offset::HOST_SP), Gpr::Rsp);
    }

    /// Looks whether somebody wants the code to stop, who may have come while the thread was not in it, and
    /// has it stepped then. Leads behind the place where it is called, from cold code that it answers.
    fn look(&mut self) -> Option<(LooseLabel, LooseLabel)> {
        if self.polls != Polls::Stepped {
            return None;
        }
        let (mut from, mut back) = (LooseLabel::new(), LooseLabel::new());
        self.w.alu_rm(Width::W64, Alu::Cmp, Gpr::Rbp, context(offset::LIMIT));
        self.w.jcc_loose_short(Cond::Be, &mut from);
        self.w.bind_loose(&mut back);
        Some((from, back))
    }

    /// The cold code of [`look`](Self::look).
    fn ask(&mut self, looked: Option<(LooseLabel, LooseLabel)>) {
        let Some((mut from, mut back)) = looked else { return };
        self.w.bind_loose(&mut from);
        self.asks[self.asked] = self.w.offset().get();
        self.asked += 1;
        self.w.ud2();
        self.w.jmp_loose(&mut back);
    }

    /// As if the runtime returned: from a poll, or from a call, whose results are in the context.
    fn write_resume(&mut self) -> u32 {
        let start = self.begin();
        self.write_way_in();
        self.w.mov_rr(Width::W64, Gpr::Rsp, Gpr::Rsi);
        self.load_results();
        self.w.pop_r(Gpr::Rbp);
        let looked = self.look();
        self.w.ret();
        self.ask(looked);
        start
    }

    fn load_results(&mut self) {
        self.w.mov_rm(Width::W64, RESULT, context(offset::RESULT_GPR));
        self.w.movups_xm(RESULT_X, context(offset::RESULT_VECTOR));
    }

    /// Answers where it starts, and where the function that is called returns to.
    fn write_enter(&mut self) -> (u32, u32) {
        let start = self.begin();
        self.write_way_in();
        self.load_args();
        self.w.call_r(Gpr::Rax);
        let returned = self.w.offset().get();
        self.w.mov_mr(Width::W64, context(offset::RESULT_GPR), RESULT);
        self.w.movups_mx(context(offset::RESULT_VECTOR), RESULT_X);
        self.w.alu_rr(Width::W32, Alu::Xor, Gpr::Rax, Gpr::Rax);
        self.w.bind_loose(&mut self.exit);
        self.note_inside(0);
        self.w.mov_rm(Width::W64, Gpr::Rsp, context(offset::HOST_SP));
        self.w.alu_ri(Width::W64, Alu::Add, Gpr::Rsp, 8);
        SAVED.iter().rev().for_each(|&reg| self.w.pop_r(reg));
        self.w.ret();
        (start, returned)
    }

    /// Loads what [`EntryArgs`] says; rsi holds its address, and is loaded last.
    fn load_args(&mut self) {
        let field = |offset: usize| Mem::base(Gpr::Rsi, offset as i32);
        self.w.mov_rm(Width::W64, Gpr::Rax, field(offset_of!(EntryArgs, code)));
        self.w.mov_rm(Width::W64, Gpr::Rsp, field(offset_of!(EntryArgs, stack)));
        self.w.alu_rr(Width::W32, Alu::Xor, Gpr::Rbp, Gpr::Rbp);
        let args = offset_of!(EntryArgs, args);
        for (n, &reg) in PIN_XMMS[..ARG_XMMS].iter().enumerate() {
            self.w.movups_xm(reg, field(args + offset_of!(RegisterArgs, vectors) + 16 * n));
        }
        for (n, &reg) in PIN_GPRS[..ARG_GPRS].iter().enumerate().rev() {
            self.w.mov_rm(Width::W64, reg, field(args + offset_of!(RegisterArgs, gprs) + 8 * n));
        }
    }

    /// Goes to the host's stack.
    fn switch_stack(&mut self) {
        self.note_inside(0);
        self.w.mov_mr(Width::W64, context(offset::WASM_FP), Gpr::Rbp);
        self.w.mov_rr(Width::W64, Gpr::Rdi, CONTEXT);
        self.w.mov_rm(Width::W64, Gpr::Rsp, context(offset::HOST_SP));
    }

    /// Comes back, or leaves compiled code altogether when rdx holds a status.
    fn return_or_exit(&mut self) -> Option<(LooseLabel, LooseLabel)> {
        let mut go_on = LooseLabel::new();
        self.note_inside(1);
        self.w.mov_rr(Width::W64, Gpr::Rsp, Gpr::Rbp);
        self.w.pop_r(Gpr::Rbp);
        self.w.test_rr(Width::W64, Gpr::Rdx, Gpr::Rdx);
        self.w.jcc_loose_short(Cond::E, &mut go_on);
        self.w.mov_rr(Width::W32, Gpr::Rax, Gpr::Rdx);
        self.w.jmp_loose(&mut self.exit);
        self.w.bind_loose(&mut go_on);
        self.look()
    }

    fn write_runtime(&mut self) -> u32 {
        let start = self.begin();
        self.w.push_r(Gpr::Rbp);
        self.w.mov_rr(Width::W64, Gpr::Rbp, Gpr::Rsp);
        self.switch_stack();
        self.w.call_m(Mem::base_index(CONTEXT, Gpr::Rax, Scale::X1, 0));
        let looked = self.return_or_exit();
        self.w.ret();
        self.ask(looked);
        start
    }

    fn write_foreign(&mut self) -> u32 {
        let start = self.begin();
        self.w.push_r(Gpr::Rbp);
        self.w.mov_rr(Width::W64, Gpr::Rbp, Gpr::Rsp);
        self.w.alu_ri(Width::W64, Alu::Sub, Gpr::Rsp, size_of::<RegisterArgs>() as i32);
        let field = |offset: usize| Mem::base(Gpr::Rsp, offset as i32);
        for (n, &reg) in PIN_GPRS[..ARG_GPRS].iter().enumerate() {
            self.w.mov_mr(Width::W64, field(offset_of!(RegisterArgs, gprs) + 8 * n), reg);
        }
        for (n, &reg) in PIN_XMMS[..ARG_XMMS].iter().enumerate() {
            self.w.movups_mx(field(offset_of!(RegisterArgs, vectors) + 16 * n), reg);
        }
        self.w.mov_rr(Width::W64, Gpr::Rsi, Gpr::Rax);
        self.w.mov_rr(Width::W64, Gpr::Rdx, Gpr::Rsp);
        self.switch_stack();
        self.w.call_m(context(Builtin::CallForeign.offset()));
        let looked = self.return_or_exit();
        self.load_results();
        self.w.ret();
        self.ask(looked);
        start
    }
}
