//! Blocks, loops, branches: where ways part and meet.

use midstride_asm::{Alu, Cond, Gpr, LooseLabel, Mem, Width};
use midstride_statemap::Phase;
use wasmparser::{BlockType, FrameKind};

use super::function::{Cold, Function, Loc};
use super::pins::PinSet;
use super::regs::{RESULT, RESULT_X, SCRATCH, SCRATCH_X};
use super::scan::LoopKind;
use super::stack::Entry;
use crate::engine::Polls;
use crate::runtime::layout::offset;
use crate::types::ValType;

/// Which pinned locals are in their registers, and which of those are not at home.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct PinState {
    pub(crate) valid: PinSet,
    pub(crate) dirty: PinSet,
}

/// What to do on a way so that it arrives in the state that the target expects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moves {
    store: PinSet,
    load: PinSet,
}

impl Moves {
    pub(super) fn is_empty(self) -> bool {
        self.store.is_empty() && self.load.is_empty()
    }
}

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Function,
    Block,
    Loop,
    /// The first part; its other part begins in this state.
    If(PinState),
    Else,
}

/// An open block.
#[derive(Debug)]
pub(crate) struct Control<'m> {
    pub(super) kind: Kind,
    /// Where branches to it go.
    pub(super) label: LooseLabel,
    /// Where the other part of an `if` begins.
    other: LooseLabel,
    /// Operands below it.
    pub(super) height: usize,
    params: &'m [ValType],
    pub(super) results: &'m [ValType],
    /// The state in which its label is reached; `None` while nobody branches there.
    target: Option<PinState>,
    /// Whether its start is reached.
    reachable: bool,
}

/// The types of a block with one result.
fn single(ty: ValType) -> &'static [ValType] {
    use ValType::{ExternRef, F32, F64, FuncRef, I32, I64, V128};
    const ALL: [[ValType; 1]; 7] = [[I32], [I64], [F32], [F64], [V128], [FuncRef], [ExternRef]];
    &ALL[ty as usize]
}

impl<'m> Function<'m, '_> {
    fn block_types(&self, ty: BlockType) -> (&'m [ValType], &'m [ValType]) {
        match ty {
            BlockType::Empty => (&[], &[]),
            // The validator has accepted the type, so it is one of ours.
            BlockType::Type(ty) => (&[], ValType::read(ty).map_or(&[], single)),
            BlockType::FuncType(index) => {
                let ty = &self.info.types[index as usize];
                (ty.params(), ty.results())
            }
        }
    }

    fn pin_state(&self) -> PinState {
        PinState { valid: self.valid, dirty: self.dirty }
    }

    fn set_pin_state(&mut self, state: PinState) {
        (self.valid, self.dirty) = (state.valid, state.dirty);
    }

    /// What the innermost open block is; `None` behind the function's end.
    #[inline]
    pub(crate) fn innermost(&self) -> Option<FrameKind> {
        Some(match self.controls.last()?.kind {
            Kind::Function | Kind::Block => FrameKind::Block,
            Kind::Loop => FrameKind::Loop,
            Kind::If(_) => FrameKind::If,
            Kind::Else => FrameKind::Else,
        })
    }

    /// Opens the block that is the whole function.
    pub(crate) fn open_function(&mut self, results: &'m [ValType]) {
        self.open(Kind::Function, (&[], results));
    }

    fn open(&mut self, kind: Kind, (params, results): (&'m [ValType], &'m [ValType])) {
        // In dead code there are no parameters.
        let params_there = if self.reachable { params.len() } else { 0 };
        let height = self.stack.len().saturating_sub(params_there);
        let (label, other) = (LooseLabel::new(), LooseLabel::new());
        let reachable = self.reachable;
        self.controls.push(Control { kind, label, other, height, params, results, target: None, reachable });
    }

    pub(crate) fn block(&mut self, ty: BlockType) {
        let types = self.block_types(ty);
        if self.reachable {
            self.settle();
        }
        self.open(Kind::Block, types);
    }

    pub(crate) fn loop_(&mut self, ty: BlockType) {
        let types = self.block_types(ty);
        let (kind, others) = self.loops.split_first().unwrap_or((&LoopKind::Calls, &[]));
        self.loops = others;
        if self.reachable {
            self.settle();
        }
        self.open(Kind::Loop, types);
        if self.reachable {
            self.enter_loop(*kind);
        }
    }

    /// Brings pinned locals into the state in which each iteration starts.
    fn enter_loop(&mut self, kind: LoopKind) {
        match kind {
            LoopKind::Leaf | LoopKind::Long => {
                let all = self.pins.all();
                self.load_pins(all.minus(self.valid));
                self.set_pin_state(PinState { valid: all, dirty: all });
            }
            LoopKind::Calls | LoopKind::LongCalls => {
                self.store_pins(self.dirty);
                self.dirty = PinSet::EMPTY;
            }
        }
        let state = self.pin_state();
        if let Some(control) = self.controls.last_mut() {
            control.target = Some(state);
            self.w.bind_loose(&mut control.label);
        }
        match (self.polls, kind) {
            (Polls::Entries, _) => {}
            // Steps all the way round would take long.
            (Polls::Compared, _) | (Polls::Stepped, LoopKind::Long | LoopKind::LongCalls) => {
                self.poll(Phase::Loop);
            }
            (Polls::Stepped, _) => self.poll_unseen(),
        }
    }

    /// A poll without an instruction: threads are stepped to this place, and go on in the cold part.
    fn poll_unseen(&mut self) {
        let mut header = LooseLabel::new();
        let site = self.home_site(Phase::Loop.into(), self.stack.len());
        self.w.bind_loose(&mut header);
        let pins = self.pin_state();
        self.cold.push(Cold::Step { header, pins, site });
    }

    /// Asks for interrupts: a stack pointer at the limit or below calls the runtime. In loops it can be the
    /// frame pointer, which is not below the stack pointer: only who asks puts the limit above it, and the
    /// processor is faster with a register that pushes and calls do not change.
    pub(crate) fn poll(&mut self, phase: Phase) {
        let pointer = if phase == Phase::Loop { Gpr::Rbp } else { Gpr::Rsp };
        let (mut from, mut back) = (LooseLabel::new(), LooseLabel::new());
        let site = self.home_site(phase.into(), self.stack.len());
        self.w.alu_rm(Width::W64, Alu::Cmp, pointer, Self::context(offset::LIMIT));
        self.w.jcc_loose(Cond::Be, &mut from);
        self.w.bind_loose(&mut back);
        let pins = self.pin_state();
        self.cold.push(Cold::Poll { from, back, pins, site });
    }

    pub(crate) fn if_(&mut self, ty: BlockType) {
        let types = self.block_types(ty);
        if !self.reachable {
            return self.open(Kind::If(PinState::default()), types);
        }
        let cond = self.pop_condition();
        self.settle();
        let state = self.pin_state();
        self.open(Kind::If(state), types);
        if let Some(control) = self.controls.last_mut() {
            self.w.jcc_loose(cond.invert(), &mut control.other);
        }
    }

    pub(crate) fn else_(&mut self) {
        let Some(mut control) = self.controls.pop() else { return };
        if self.reachable {
            self.branch_out(&mut control);
        }
        if let Kind::If(state) = control.kind {
            self.set_pin_state(state);
        }
        control.kind = Kind::Else;
        self.reachable = control.reachable;
        self.reset_stack(control.height);
        if self.reachable {
            self.w.bind_loose(&mut control.other);
            control.params.iter().for_each(|&ty| self.push(ty, Loc::Home));
            self.settled = self.stack.len();
        }
        self.controls.push(control);
    }

    /// Drops operands above `height`.
    pub(super) fn reset_stack(&mut self, height: usize) {
        while self.stack.len() > height {
            let entry = self.pop();
            self.release_entry(entry);
        }
        self.stack.begin();
        self.flags = false;
    }

    pub(crate) fn end(&mut self) {
        let Some(mut control) = self.controls.pop() else { return };
        match control.kind {
            Kind::Function => return self.end_function(&control),
            Kind::Loop => return self.end_loop(&control),
            Kind::If(state) if control.reachable => self.end_if(&mut control, state),
            _ => {
                if self.reachable {
                    let moves = self.arrive(&mut control, true);
                    self.make_moves(moves);
                }
            }
        }
        self.meet(control);
    }

    /// What leaves a loop at its end is what is there: nobody else comes to this point.
    fn end_loop(&mut self, control: &Control<'_>) {
        if !self.reachable {
            self.reset_stack(control.height);
        }
    }

    /// An `if` without `else`: its condition being false is a way of its own.
    fn end_if(&mut self, control: &mut Control<'m>, state: PinState) {
        if self.reachable {
            self.branch_out(control);
        }
        self.set_pin_state(state);
        self.reset_stack(control.height);
        control.params.iter().for_each(|&ty| self.push(ty, Loc::Home));
        self.settled = self.stack.len();
        self.w.bind_loose(&mut control.other);
        let moves = self.arrive(control, true);
        self.make_moves(moves);
        self.reachable = true;
    }

    /// Goes on behind a block, where its branches and its end meet.
    fn meet(&mut self, mut control: Control<'m>) {
        self.reset_stack(control.height);
        self.reachable = control.target.is_some();
        if let Some(state) = control.target {
            self.w.bind_loose(&mut control.label);
            self.set_pin_state(state);
        }
        if self.reachable {
            self.push_results(control.results);
        }
    }

    /// Results where [`arrive`](Self::arrive) has put them.
    pub(crate) fn push_results(&mut self, results: &[ValType]) {
        match results {
            [ty] if ty.is_vector_class() => {
                self.claim_x(RESULT_X);
                self.push_xmm(*ty, RESULT_X);
            }
            [ty] => {
                self.claim(RESULT);
                self.push_gpr(*ty, RESULT);
            }
            _ => {
                results.iter().for_each(|&ty| self.push(ty, Loc::Home));
                self.settled = self.stack.len();
            }
        }
    }

    /// Ends a part that is followed by another: jumps to the block's end.
    fn branch_out(&mut self, control: &mut Control<'m>) {
        let moves = self.arrive(control, true);
        self.make_moves(moves);
        self.w.jmp_loose(&mut control.label);
    }

    /// Prepares a branch to a block: writes its values where they are expected (if `values`), and
    /// says what is to do with pinned locals. The abstract state stays.
    pub(super) fn arrive(&mut self, control: &mut Control<'_>, values: bool) -> Moves {
        let state = self.pin_state();
        let moves = match (&mut control.target, control.kind) {
            (Some(fixed), Kind::Loop) => {
                Moves { store: state.dirty.minus(fixed.dirty), load: fixed.valid.minus(state.valid) }
            }
            (Some(target), _) => {
                // While it is not bound it can ask for less: what is at home on all ways so far.
                target.valid = target.valid.and(state.valid.union(target.dirty));
                let store = state.dirty.minus(target.valid);
                target.dirty = target.dirty.union(state.dirty.and(target.valid));
                Moves { store, load: target.valid.minus(state.valid) }
            }
            (target, _) => {
                *target = Some(state);
                Moves { store: PinSet::EMPTY, load: PinSet::EMPTY }
            }
        };
        if values {
            self.write_values(control);
        }
        moves
    }

    pub(super) fn make_moves(&mut self, moves: Moves) {
        self.store_pins(moves.store);
        self.load_pins(moves.load);
    }

    /// The types that a branch to a block carries.
    pub(super) fn branch_types<'c>(control: &Control<'c>) -> &'c [ValType] {
        if control.kind == Kind::Loop { control.params } else { control.results }
    }

    /// Copies the topmost operands to where a branch to the block leaves them. Changes no flags.
    fn write_values(&mut self, control: &Control<'_>) {
        let types = Self::branch_types(control);
        let first = self.stack.len().saturating_sub(types.len());
        if let ([ty], false) = (types, control.kind == Kind::Loop) {
            return self.write_result(*ty, first);
        }
        for (k, &ty) in types.iter().enumerate() {
            let (from, to) = (first + k, control.height + k);
            if from != to || self.stack[from].loc != Loc::Home {
                let entry = Entry { ty, ..self.stack[from] };
                self.copy_home(entry, self.frame.operand(from), self.frame.operand(to));
            }
        }
    }

    /// Copies an operand, which may be at home in `from`, to `to`.
    pub(crate) fn copy_home(&mut self, entry: Entry, from: Mem, to: Mem) {
        match entry.loc {
            Loc::Home if entry.ty == ValType::V128 => {
                self.w.movups_xm(SCRATCH_X, from);
                self.w.movups_mx(to, SCRATCH_X);
            }
            Loc::Home => {
                self.w.mov_rm(Width::W64, SCRATCH, from);
                self.w.mov_mr(Width::W64, to, SCRATCH);
            }
            _ => self.store_entry(entry, to),
        }
    }

    /// Copies an operand into the register for single results.
    pub(super) fn write_result(&mut self, ty: ValType, height: usize) {
        let Some(&entry) = self.stack.get(height) else { return };
        let home = self.frame.operand(height);
        if ty.is_vector_class() {
            self.move_to_xmm(entry, home, RESULT_X);
        } else {
            self.move_to_gpr(entry, home, RESULT);
        }
    }
}

impl Control<'_> {
    /// What stands in the place of a block that is worked on.
    pub(super) const VACANT: Self = Control {
        kind: Kind::Block,
        label: LooseLabel::new(),
        other: LooseLabel::new(),
        height: 0,
        params: &[],
        results: &[],
        target: None,
        reachable: false,
    };
}
