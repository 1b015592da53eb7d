//! Asks the processor whether instructions do what [`Effects`] says, and nothing else.
//!
//! Each form is executed between registers with random operands, then again with one register or flag changed
//! that it is said not to read: nothing else may come out differently, and what it is said to overwrite may not
//! come out differently at all.
//!
//! Memory operands and vector state wider than SSE are left out. Where a processor shows a claim to be wrong for
//! it, the claim is: widen it.

mod machine;

use std::collections::BTreeMap;

use iced_x86::{Code, EncodingKind, Mnemonic, Register};
use machine::{Machine, State};
use midstride_asm::Gpr;
use midstride_relocate::{Effects, FlagSet, Flow, GprSet, Insn, MemoryUse, Scanner, Special, decode};
use midstride_testkit::arbitrary::Unstructured;
use midstride_testkit::{Random, instruction_like};

/// Instructions tried per form.
const ATTEMPTS: usize = 48;

/// Results that change by themselves, and what would lock the test out of its own memory.
const LEFT_OUT: [Mnemonic; 5] =
    [Mnemonic::Wrpkru, Mnemonic::Rdpid, Mnemonic::Rdpru, Mnemonic::Xgetbv, Mnemonic::Mcommit];

fn is_candidate(code: &Code) -> bool {
    let info = code.op_code();
    matches!(info.encoding(), EncodingKind::Legacy | EncodingKind::VEX)
        && info.is_instruction()
        && info.mode64()
        && info.intel_decoder64()
        && info.decoder_option() == 0
        && !info.fwait()
        && !LEFT_OUT.contains(&code.mnemonic())
}

/// Whether `insn` can be executed between other code: it touches registers and flags only.
fn is_self_contained(insn: &Insn, effects: &Effects) -> bool {
    let iced = insn.iced();
    let gpr_only =
        (0..iced.op_count()).all(|n| iced.op_register(n) == Register::None || iced.op_register(n).is_gpr());
    let special = insn.special().is_none_or(|special| special == Special::ShadowStack);
    insn.flow() == Flow::Next
        && special
        && effects.memory == MemoryUse::None
        && !effects.gpr_touched.contains(Gpr::Rsp)
        && (gpr_only || iced.code().op_code().encoding() == EncodingKind::Legacy)
}

/// Small numbers, big ones, and those in between; zero often, for instructions that treat it specially.
fn value(random: &mut Random) -> u64 {
    match random.below(6) {
        0 => 0,
        1 => random.below(64),
        2 => random.next_u64() >> 32,
        3 => u64::MAX,
        _ => random.next_u64(),
    }
}

fn random_state(random: &mut Random) -> State {
    let mut state = State { gprs: [0; 16], flags: random.next_u64() & u64::from(FlagSet::ALL.bits()) };
    state.gprs.fill_with(|| value(random));
    state
}

/// One executed instruction and what is claimed about it.
struct Trial<'m> {
    machine: &'m mut Machine,
    bytes: Vec<u8>,
    effects: Effects,
    before: State,
    after: State,
    complaints: Vec<String>,
}

impl Trial<'_> {
    fn require(&mut self, holds: bool, complaint: impl FnOnce() -> String) {
        if !holds {
            self.complaints.push(complaint());
        }
    }

    fn untouched_state_stays(&mut self) {
        for gpr in self.effects.gpr_touched.complement().without(Gpr::Rsp).iter() {
            self.require(self.before.gpr(gpr) == self.after.gpr(gpr), || format!("changes {gpr:?}"));
        }
        let changed = FlagSet::from_bits((self.before.flags ^ self.after.flags) as u16);
        let unexpected = changed.minus(self.effects.flags_written);
        self.require(unexpected.is_empty(), || format!("changes {unexpected:?}"));
    }

    fn unread_registers_do_not_matter(&mut self, random: &mut Random) {
        for gpr in self.effects.gpr_read.complement().without(Gpr::Rsp).iter() {
            let mut other = self.before;
            other.gprs[usize::from(gpr.number())] = value(random);
            let Some(after) = self.machine.run(&self.bytes, &other) else {
                self.require(false, || format!("faults by {gpr:?}"));
                continue;
            };
            let kept = GprSet::of(gpr).minus(self.effects.gpr_written);
            let same = kept.complement().iter().all(|other| after.gpr(other) == self.after.gpr(other));
            self.require(same && after.flags == self.after.flags, || format!("depends on {gpr:?}"));
        }
    }

    fn unread_flags_do_not_matter(&mut self) {
        for flag in FlagSet::ALL.minus(self.effects.flags_read).iter() {
            let mut other = self.before;
            other.flags ^= u64::from(flag.bits());
            let Some(after) = self.machine.run(&self.bytes, &other) else {
                self.require(false, || format!("faults by {flag:?}"));
                continue;
            };
            let overwritten = self.effects.flags_overwritten.contains(flag);
            let ignored = if overwritten { 0 } else { u64::from(flag.bits()) };
            let same = after.gprs == self.after.gprs && (after.flags ^ self.after.flags) & !ignored == 0;
            self.require(same, || format!("depends on {flag:?}"));
        }
    }
}

/// Executes one instruction of the form `code`; `None` when there was none to execute.
fn attempt(
    code: Code,
    random: &mut Random,
    scanner: &mut Scanner,
    machine: &mut Machine,
) -> Option<Vec<String>> {
    let data = random.bytes(512);
    let bytes = instruction_like(code, &mut Unstructured::new(&data)).ok()?;
    let insn = decode(&bytes, machine.pc()).ok()?;
    let effects = scanner.effects(&insn);
    if insn.iced().code() != code || !is_self_contained(&insn, &effects) {
        return None;
    }
    let before = random_state(random);
    let after = machine.run(&bytes, &before)?;
    let mut trial = Trial { machine, bytes, effects, before, after, complaints: Vec::new() };
    trial.untouched_state_stays();
    trial.unread_registers_do_not_matter(random);
    trial.unread_flags_do_not_matter();
    Some(trial.complaints.iter().map(|complaint| format!("{insn:?} {complaint}")).collect())
}

#[test]
fn instructions_do_what_their_effects_say_and_nothing_else() {
    let (mut random, mut scanner, mut machine) = (Random::new(6), Scanner::new(), Machine::new());
    let mut complaints = BTreeMap::new();
    let mut forms = 0;
    for code in Code::values().filter(is_candidate) {
        let results: Vec<_> =
            (0..ATTEMPTS).filter_map(|_| attempt(code, &mut random, &mut scanner, &mut machine)).collect();
        forms += usize::from(!results.is_empty());
        if let Some(first) = results.into_iter().flatten().next() {
            complaints.insert(format!("{code:?}"), first);
        }
    }
    println!("{forms} forms executed");
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(forms > 800, "only {forms} forms were executed");
}
