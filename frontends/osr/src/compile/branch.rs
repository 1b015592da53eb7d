//! Branches, and what follows from them: returns.

use midstride_asm::{Alu, Cond, Gpr, LooseLabel, Mem, Scale, Width};
use wasmparser::BrTable;

use super::control::{Control, Kind};
use super::function::Function;
use super::regs::SCRATCH;
use super::stack::Entry;
use super::values::Source;
use crate::runtime::layout::VmLayout;
use crate::types::ValType;

impl<'m> Function<'m, '_> {
    /// Takes the top operand as a condition on the flags.
    pub(crate) fn pop_condition(&mut self) -> Cond {
        let source = self.pop_source();
        self.flags = false;
        match source {
            Source::Flags(cond) => return cond,
            Source::Gpr(reg) => {
                self.test_zero(Width::W32, reg);
                self.release(reg);
            }
            Source::Mem(mem) => self.w.alu_mi(Width::W32, Alu::Cmp, mem, 0),
            Source::Const(bits) => {
                self.w.mov_ri(SCRATCH, bits & 0xffff_ffff);
                self.w.test_rr(Width::W32, SCRATCH, SCRATCH);
            }
            Source::Xmm(_) => {}
        }
        Cond::Ne
    }

    /// The block `depth` levels out, taken from its place for a while.
    fn target(&mut self, depth: u32) -> usize {
        self.controls.len().saturating_sub(1 + depth as usize)
    }

    fn with_target<R>(&mut self, depth: u32, action: impl FnOnce(&mut Self, &mut Control<'m>) -> R) -> R {
        let index = self.target(depth);
        let mut control = std::mem::replace(&mut self.controls[index], Control::VACANT);
        let result = action(self, &mut control);
        self.controls[index] = control;
        result
    }

    /// Ends the reachable part of a block.
    pub(crate) fn leave(&mut self) {
        self.reachable = false;
        let height = self.controls.last().map_or(0, |control| control.height);
        self.reset_stack(height);
    }

    pub(crate) fn br(&mut self, depth: u32) {
        self.with_target(depth, Self::jump);
        self.leave();
    }

    /// Goes to a block, for good.
    fn jump(&mut self, control: &mut Control<'m>) {
        if control.kind == Kind::Function {
            return self.write_return(control.results);
        }
        let moves = self.arrive(control, true);
        self.make_moves(moves);
        self.w.jmp_loose(&mut control.label);
    }

    pub(crate) fn return_(&mut self) {
        let depth = self.controls.len().saturating_sub(1) as u32;
        self.br(depth);
    }

    pub(crate) fn br_if(&mut self, depth: u32) {
        let cond = self.pop_condition();
        self.with_target(depth, |f, control| f.jump_if(cond, control));
    }

    fn jump_if(&mut self, cond: Cond, control: &mut Control<'m>) {
        let plain = control.kind != Kind::Function && Self::branch_types(control).is_empty();
        if !plain {
            let mut over = LooseLabel::new();
            self.w.jcc_loose(cond.invert(), &mut over);
            self.jump(control);
            return self.w.bind_loose(&mut over);
        }
        let moves = self.arrive(control, false);
        if moves.is_empty() {
            return self.w.jcc_loose(cond, &mut control.label);
        }
        let mut over = LooseLabel::new();
        self.w.jcc_loose(cond.invert(), &mut over);
        self.make_moves(moves);
        self.w.jmp_loose(&mut control.label);
        self.w.bind_loose(&mut over);
    }

    pub(crate) fn br_table(&mut self, targets: &BrTable<'_>) {
        let index = self.pop_own_gpr();
        let depths: Vec<u32> = targets.targets().map_while(Result::ok).chain([targets.default()]).collect();
        let last = depths.len() as i32 - 1;
        self.w.mov_ri(SCRATCH, last as u64);
        self.w.alu_rr(Width::W32, Alu::Cmp, index, SCRATCH);
        self.w.cmov_rr(Width::W32, Cond::A, index, SCRATCH);
        self.jump_through_table(index, &depths);
        self.release(index);
        self.leave();
    }

    /// Jumps to one of `depths`; each entry of the table is a jump of 5 bytes.
    fn jump_through_table(&mut self, index: Gpr, depths: &[u32]) {
        let mut table = LooseLabel::new();
        self.w.lea_loose(SCRATCH, &mut table);
        self.w.lea(Width::W64, index, Mem::base_index(index, index, Scale::X4, 0));
        self.w.alu_rr(Width::W64, Alu::Add, SCRATCH, index);
        self.w.jmp_r(SCRATCH);
        self.w.bind_loose(&mut table);
        let mut ways: Vec<(u32, LooseLabel)> = Vec::new();
        for &depth in depths {
            let known = ways.iter().position(|(other, _)| *other == depth);
            let way = known.unwrap_or_else(|| {
                ways.push((depth, LooseLabel::new()));
                ways.len() - 1
            });
            self.w.jmp_loose(&mut ways[way].1);
        }
        for (depth, mut label) in ways {
            self.w.bind_loose(&mut label);
            self.with_target(depth, Self::jump);
        }
    }

    // The function's end.

    pub(super) fn end_function(&mut self, control: &Control<'m>) {
        if self.reachable {
            self.write_return(control.results);
        }
        self.reachable = false;
    }

    /// Leaves the function with the topmost operands.
    fn write_return(&mut self, results: &[ValType]) {
        let first = self.stack.len().saturating_sub(results.len());
        for (k, &ty) in results.iter().enumerate().skip(1) {
            let entry = Entry { ty, ..self.stack[first + k] };
            let to = Self::context(VmLayout::result(k));
            self.copy_home(entry, self.frame.operand(first + k), to);
        }
        if let Some(&ty) = results.first() {
            self.write_result(ty, first);
        }
        self.w.mov_rr(Width::W64, Gpr::Rsp, Gpr::Rbp);
        self.w.pop_r(Gpr::Rbp);
        self.w.ret();
    }
}
