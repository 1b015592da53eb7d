//! Calls: of functions here, of functions elsewhere, of the runtime.

use midstride_asm::{Alu, Cond, Gpr, LooseLabel, Mem, Scale, Width};
use midstride_statemap::{Phase, SiteKind};

use super::function::{CallFixup, Callee, Cold, Function, Loc};
use super::pins::PinSet;
use super::regs::{CONTEXT, RESULT, RESULT_X, SCRATCH};
use super::sites::RUNTIME_NOTE;
use super::stack::Entry;
use super::values::width_of;
use crate::runtime::layout::{Builtin, VmLayout, offset};
use crate::trap::Check;
use crate::types::ValType;

/// Where the runtime expects what it is called with (behind the context in rdi).
const RUNTIME_ARGS: [Gpr; 5] = [Gpr::Rsi, Gpr::Rdx, Gpr::Rcx, Gpr::R8, Gpr::R9];

impl<'m> Function<'m, '_> {
    pub(crate) fn call(&mut self, func: u32) {
        let ty = self.info.func_type(func);
        self.prepare_call(ty.params());
        if self.layout.is_imported_func(func) {
            self.w.mov_rm(Width::W64, Gpr::Rax, Self::context(self.layout.func(func)));
            self.call_to(Callee::Foreign);
        } else {
            self.call_to(Callee::Func(func));
        }
        self.finish_call(ty.params().len(), ty.results());
    }

    /// A call whose target is known when all code is placed. Its displacement lies in one aligned word,
    /// so that it can be directed elsewhere while threads run.
    pub(crate) fn call_to(&mut self, target: Callee) {
        let site = self.w.call_patchable(self.w.pc());
        let field = (site.field().get() - self.w.origin().get()) as u32;
        self.fixups.push(CallFixup { field, target });
    }

    /// Sends home what has to survive, and puts arguments where they are expected.
    fn prepare_call(&mut self, params: &[ValType]) {
        self.store_pins(self.dirty);
        self.dirty = PinSet::EMPTY;
        let first = self.stack.len().saturating_sub(params.len());
        for height in self.settled..first {
            if self.stack[height].loc != Loc::Home {
                self.send_home(height);
            }
        }
        self.settled = self.settled.max(first);
        self.place_args(params, first);
    }

    /// Records the call just written, and replaces arguments by results.
    fn finish_call(&mut self, params: usize, results: &[ValType]) {
        let height = self.stack.len().saturating_sub(params);
        self.home_site(Phase::Call.into(), height);
        self.drop_args(params);
        self.push_call_results(results);
    }

    fn drop_args(&mut self, params: usize) {
        for _ in 0..params {
            self.drop_top();
        }
        self.stack.begin();
        self.valid = PinSet::EMPTY;
    }

    fn push_call_results(&mut self, results: &[ValType]) {
        if results.len() < 2 {
            return self.push_results(results);
        }
        let first = self.stack.len();
        for (k, &ty) in results.iter().enumerate() {
            let home = self.frame.operand(first + k);
            match (k, ty.is_vector_class()) {
                (0, true) => self.store_xmm(ty, home, RESULT_X),
                (0, false) => self.w.mov_mr(Width::W64, home, RESULT),
                _ => {
                    let from = Self::context(VmLayout::result(k));
                    self.copy_home(Entry { ty, loc: Loc::Home }, from, home);
                }
            }
            self.push(ty, Loc::Home);
        }
        self.settled = self.stack.len();
    }

    pub(crate) fn call_indirect(&mut self, ty: u32, table: u32) {
        let index = self.pop_index();
        self.claim(Gpr::Rax);
        self.find_callee(index, ty, table);
        self.release(index);
        self.stack.begin();
        let types = &self.info.types[ty as usize];
        self.prepare_call(types.params());
        let (mut from, mut back) = (LooseLabel::new(), LooseLabel::new());
        self.w.alu_mr(Width::W64, Alu::Cmp, Mem::base(Gpr::Rax, offset::OWNER), CONTEXT);
        self.w.jcc_loose(Cond::Ne, &mut from);
        self.w.call_m(Mem::base(Gpr::Rax, offset::CODE));
        self.release(Gpr::Rax);
        let height = self.stack.len() - types.params().len();
        let site = self.home_site(Phase::Call.into(), height);
        self.w.bind_loose(&mut back);
        self.cold.push(Cold::Foreign { from, back, site });
        self.drop_args(types.params().len());
        self.push_call_results(types.results());
    }

    /// Takes an index into any register but rax.
    fn pop_index(&mut self) -> Gpr {
        let index = self.pop_gpr();
        if index != Gpr::Rax {
            return index;
        }
        let other = self.gpr();
        self.w.mov_rr(Width::W32, other, index);
        self.release(index);
        if self.stack.last_taken().is_some_and(|taken| taken.loc == Loc::Gpr(Gpr::Rax)) {
            self.stack.set_taken_loc(Loc::Gpr(other));
        }
        other
    }

    /// Loads the descriptor of the function at `index` into rax, if it has the type.
    fn find_callee(&mut self, index: Gpr, ty: u32, table: u32) {
        self.w.mov_rm(Width::W64, SCRATCH, Self::context(self.layout.table(table)));
        self.w.alu_rm(Width::W32, Alu::Cmp, index, Mem::base(SCRATCH, offset::TABLE_LEN));
        self.trap_if(Cond::Ae, Check::TableAccess);
        self.w.mov_rm(Width::W64, SCRATCH, Mem::base(SCRATCH, offset::ELEMENTS));
        self.w.mov_rm(Width::W64, Gpr::Rax, Mem::base_index(SCRATCH, index, Scale::X8, 0));
        self.w.test_rr(Width::W64, Gpr::Rax, Gpr::Rax);
        self.trap_if(Cond::E, Check::NullFunction);
        self.w.mov_rm(Width::W32, SCRATCH, Self::context(self.layout.type_id(ty)));
        self.w.alu_rm(Width::W32, Alu::Cmp, SCRATCH, Mem::base(Gpr::Rax, offset::TYPE_ID));
        self.trap_if(Cond::Ne, Check::WrongFunctionType);
    }

    /// Calls the runtime with the topmost `params` operands and some constants. All operands are at home
    /// meanwhile, those too.
    pub(crate) fn call_runtime(
        &mut self,
        builtin: Builtin,
        params: usize,
        constants: &[u32],
        results: &[ValType],
    ) {
        self.store_pins(self.dirty);
        self.dirty = PinSet::EMPTY;
        self.settle();
        let first = self.stack.len().saturating_sub(params);
        let mut args = RUNTIME_ARGS.into_iter();
        for (height, to) in (first..self.stack.len()).zip(&mut args) {
            self.w.mov_rm(width_of(self.stack[height].ty), to, self.frame.operand(height));
        }
        for (&value, to) in constants.iter().zip(&mut args) {
            self.w.mov_ri(to, value.into());
        }
        self.w.mov_ri(Gpr::Rax, builtin.offset() as u64);
        self.call_to(Callee::Runtime);
        self.home_site(SiteKind { phase: Phase::Trap, note: RUNTIME_NOTE }, self.stack.len());
        self.drop_args(params);
        self.push_results(results);
    }

    pub(crate) fn table_size(&mut self, table: u32) {
        let dst = self.gpr();
        self.w.mov_rm(Width::W64, dst, Self::context(self.layout.table(table)));
        self.w.mov_rm(Width::W32, dst, Mem::base(dst, offset::TABLE_LEN));
        self.push_gpr(ValType::I32, dst);
    }

    pub(crate) fn table_get(&mut self, table: u32) {
        let ty = self.info.tables[table as usize].element;
        self.call_runtime(Builtin::TableGet, 1, &[table], &[ty]);
    }

    pub(crate) fn unreachable(&mut self) {
        self.trap_site(Check::Unreachable);
        self.w.ud2();
        self.leave();
    }
}
