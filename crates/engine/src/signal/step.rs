//! Single steps by the trap flag: the processor steps through our instructions, the program hears of its own.

use midstride_block::Phase;

use super::TRAP_FLAG;
use crate::context::AppState;
use crate::memory::read_app;

/// What is known of the instruction under way, from the last trap or from the state the program resumed in.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub(crate) struct Step {
    /// Its app pc, 0 when no step is under way.
    from: u64,
    /// Where the last trap was.
    at: u64,
    phase: Phase,
}

impl Step {
    pub(crate) const NONE: Self = Self { from: 0, at: 0, phase: Phase::Inside };

    /// The program resumes in this state.
    pub(crate) fn begin(state: &AppState) -> Self {
        Self { from: if state.rflags & TRAP_FLAG != 0 { state.pc } else { 0 }, ..Self::NONE }
    }

    /// A trap that does not end the step.
    pub(crate) fn go_on(state: &AppState, at: u64, phase: Phase) -> Self {
        Self { from: state.pc, at, phase }
    }

    /// Whether an instruction of the program's has completed by the trap at cache pc `at`.
    pub(crate) fn is_done(&self, state: &AppState, at: u64, phase: Phase) -> bool {
        if self.from == 0 {
            // The popf that set the flag is followed by our instructions, not by a step of the program's.
            return !follows_popf(state.pc);
        }
        if state.pc == self.from {
            // A branch to itself was taken; or, twice at one place, a repeated string instruction went
            // round once more.
            let branched = (self.phase, phase) == (Phase::Inside, Phase::Between);
            return branched || at == self.at;
        }
        state.pc != self.from.wrapping_add(2) || !calls_the_kernel(self.from)
    }
}

fn follows_popf(pc: u64) -> bool {
    const POPF: u8 = 0x9d;
    let mut before = [0];
    read_app(pc.wrapping_sub(1), &mut before).is_ok() && before[0] == POPF
}

/// Whether a system call is made at `pc`. The kernel runs without the flag and comes back with it set: the
/// step ends behind the next instruction.
fn calls_the_kernel(pc: u64) -> bool {
    const CALLS: [[u8; 2]; 2] = [[0x0f, 0x05], [0xcd, 0x80]];
    let mut bytes = [0; 2];
    read_app(pc, &mut bytes).is_ok() && CALLS.contains(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(pc: u64) -> AppState {
        AppState { pc, rflags: TRAP_FLAG, ..AppState::default() }
    }

    /// Code that is read: nop; syscall.
    const CODE: [u8; 3] = [0x90, 0x0f, 0x05];

    fn code() -> u64 {
        CODE.as_ptr().expose_provenance() as u64
    }

    #[test]
    fn a_step_ends_at_another_pc() {
        let step = Step::begin(&state(code()));
        assert!(!step.is_done(&state(code()), 0x5000, Phase::Inside));
        assert!(step.is_done(&state(code() + 1), 0x5001, Phase::Inside));
    }

    #[test]
    fn a_branch_to_itself_is_done_when_it_is_left() {
        let step = Step::go_on(&state(code()), 0x5000, Phase::Inside);
        assert!(!step.is_done(&state(code()), 0x5004, Phase::Inside));
        assert!(step.is_done(&state(code()), 0x5004, Phase::Between));
        let left = Step::go_on(&state(code()), 0x5004, Phase::Between);
        assert!(!left.is_done(&state(code()), 0x5000, Phase::Inside));
    }

    #[test]
    fn a_repeated_instruction_is_done_each_time_round() {
        let step = Step::go_on(&state(code()), 0x5000, Phase::Inside);
        assert!(step.is_done(&state(code()), 0x5000, Phase::Inside));
    }

    #[test]
    fn a_system_call_is_no_step() {
        let step = Step::begin(&state(code() + 1));
        assert!(!step.is_done(&state(code() + 3), 0x5000, Phase::Inside));
    }
}
