//! The program natively and rewritten, point by point.

use crate::generate::Program;
use crate::machine::{Job, Machine, Point, Regs, Stop, Trace};
use crate::memory::Memory;
use crate::rewritten::Rewritten;

/// Native instructions that are run at most.
const LIMIT: usize = 40;
/// Instructions of the cache that are run at most before it is left.
const CACHE_LIMIT: usize = 1000;

/// Runs the program both ways; answers how many instructions of the cache were looked at.
///
/// # Panics
/// When they differ.
pub(crate) fn compare(
    machine: &mut Machine,
    memory: &mut Memory,
    rewritten: &mut Rewritten,
    program: &Program,
    start: &Regs,
) -> usize {
    let before = memory.save();
    let native = native(machine, memory, program, start);
    let after = memory.save();
    memory.restore(&before);
    let (looked_at, end) = against(machine, memory, rewritten, program, &native);
    if end == End::Same {
        let differs = memory.save().iter().zip(&after).position(|(rewritten, native)| rewritten != native);
        assert_eq!(differs, None, "memory differs\n{native:x?}\n{}", rewritten.listing());
    }
    looked_at
}

/// Runs the program natively.
pub(crate) fn native(machine: &mut Machine, memory: &mut Memory, program: &Program, start: &Regs) -> Trace {
    let inside = program.ranges();
    machine.run(Job { start: *start, inside, limit: LIMIT, slots: 0, stack: memory.stack_range() })
}

/// Runs the program rewritten, as an engine would, and compares it with `native`.
pub(crate) fn against(
    machine: &mut Machine,
    memory: &mut Memory,
    rewritten: &mut Rewritten,
    program: &Program,
    native: &Trace,
) -> (usize, End) {
    let mut walk = Walk { native, at: 0, flags: rewritten.flags() };
    let mut state = native.points[0].regs;
    let (mut looked_at, mut last) = (0, None);
    loop {
        let start = Regs { pc: rewritten.entry(state.pc, program, last.as_ref()).get(), ..state };
        let inside = rewritten.ranges();
        let job = Job { start, inside, limit: CACHE_LIMIT, slots: memory.low, stack: memory.stack_range() };
        let trace = machine.run(job);
        looked_at += trace.points.len();
        state = walk.follow(&trace, rewritten);
        last = trace.points.last().copied();
        let goes_on = trace.stop == Stop::Left && program.contains(state.pc);
        if !goes_on || walk.is_cut_off() || walk.faults_by_jumping(&state) {
            return (looked_at, walk.finish(&trace, &state));
        }
        walk.leave();
    }
}

/// Where a rewritten run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// Where the native one did, for the same reason.
    Same,
    /// The native run was cut off, or see [`Walk::faults_by_jumping`].
    Later,
}

/// Whether flags are compared between the ends of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flags {
    Everywhere,
    /// A counter changes flags where they are dead.
    AtTheEnd,
}

/// How far the rewritten program has come in the native run.
struct Walk<'n> {
    native: &'n Trace,
    at: usize,
    flags: Flags,
}

impl Walk<'_> {
    /// Goes through a run in the cache; answers the program's state at its end.
    fn follow(&mut self, trace: &Trace, rewritten: &mut Rewritten) -> Regs {
        let mut state = trace.points[0].regs;
        for (index, point) in trace.points.iter().enumerate() {
            state = rewritten.state(point).expect("every place in the cache has a meaning");
            if self.is_cut_off() || self.faults_by_jumping(&state) {
                return state;
            }
            if let Err(difference) = self.step(&state) {
                let seen: Vec<Point> = trace.points[index.saturating_sub(3)..=index].to_vec();
                panic!("{difference}\nat point {index} of {seen:x?}\n{}", rewritten.listing());
            }
        }
        state
    }

    /// The cache was left by an instruction of the program, even if it changed nothing, as a jump to itself.
    fn leave(&mut self) {
        let [now, next] = [self.at, self.at + 1].map(|at| self.native.points.get(at).map(|point| point.regs));
        self.at += usize::from(now == next);
    }

    /// The state is that of the native point reached, or of the next one.
    fn step(&mut self, state: &Regs) -> Result<(), String> {
        let points = &self.native.points;
        let is = |point: &Point| same(&point.regs, state, self.flags);
        if is(&points[self.at]) {
            return Ok(());
        }
        // States that repeat, as those of a jump to itself, are one.
        while points.get(self.at + 1).is_some_and(|next| next.regs == points[self.at].regs) {
            self.at += 1;
        }
        if points.get(self.at + 1).is_some_and(is) {
            self.at += 1;
            return Ok(());
        }
        if self.is_before_a_jump() && points.get(self.at + 2).is_some_and(is) {
            self.at += 2;
            return Ok(());
        }
        let next = points.get(self.at + 1).map(|point| point.regs);
        let now = points[self.at].regs;
        Err(format!("native state {now:x?}\nor          {next:x?}\nbut found    {state:x?}"))
    }

    /// A jump that is reached by the instruction before it is carried out already: no code stands for it.
    fn is_before_a_jump(&self) -> bool {
        let Some([jump, target]) = self.native.points.get(self.at + 1..self.at + 3) else { return false };
        (jump.regs.gprs, jump.regs.flags) == (target.regs.gprs, target.regs.flags)
    }

    /// The native run was ended here by its limit.
    fn is_cut_off(&self) -> bool {
        self.native.stop == Stop::Limit && self.at + 3 > self.native.points.len()
    }

    fn is_over(&self) -> bool {
        let now = self.native.points[self.at].regs;
        self.native.points[self.at..].iter().all(|point| point.regs == now)
    }

    /// A processor raises the fault of a jump to an address that cannot be at the jump; the cache carries the jump
    /// out first. (A program sees another rip in its last fault: one of the known exceptions.)
    fn faults_by_jumping(&self, state: &Regs) -> bool {
        let is_canonical = state.pc.cast_signed() << 16 >> 16 == state.pc.cast_signed();
        !is_canonical && matches!(self.native.stop, Stop::Signal { number: libc::SIGSEGV, .. })
    }

    /// Both runs ended for the same reason in the same place.
    fn finish(&self, trace: &Trace, state: &Regs) -> End {
        let wanted = self.native.points.last().expect("a trace has a first point").regs;
        if self.native.stop == Stop::Limit || self.faults_by_jumping(state) {
            return End::Later;
        }
        assert!(is_same_end(self.native.stop, trace.stop), "{:?}, not {:?}", trace.stop, self.native.stop);
        let flags = if trace.stop == Stop::Left { Flags::Everywhere } else { self.flags };
        assert!(same(&wanted, state, flags), "{state:x?} at the end instead of {wanted:x?}");
        assert!(self.is_over(), "not all was run");
        End::Same
    }
}

fn same(native: &Regs, state: &Regs, flags: Flags) -> bool {
    let flags_differ = flags == Flags::Everywhere && native.flags != state.flags;
    native.gprs == state.gprs && native.pc == state.pc && !flags_differ
}

/// Whether both ended alike. The address of a signal is compared where it is that of an operand, not of code.
fn is_same_end(native: Stop, rewritten: Stop) -> bool {
    match (native, rewritten) {
        (Stop::Signal { number: a, .. }, Stop::Signal { number: b, .. }) if a != libc::SIGSEGV => a == b,
        (native, rewritten) => native == rewritten,
    }
}
