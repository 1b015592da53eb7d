//! Cases of one instruction.

use iced_x86::{Code, Instruction, InstructionInfoFactory, Mnemonic, OpKind, Register};

use super::case::{Case, Piece};
use super::machine::{Machine, SITE_BYTES};
use super::shape::{Shaped, Shaper, has_memory};
use super::skip::is_segment_load;
use super::steer::Steering;
use super::world::World;
use crate::Random;

/// Bytes of a place for one case.
pub(crate) const SLOT_BYTES: u64 = 0x60;
/// In it: a site that branches go back to, the instruction with a site behind it, one to go forth to.
const CODE_AT: u64 = 0x10;
const AHEAD_AT: u64 = 0x38;
const _: () = assert!(AHEAD_AT + SITE_BYTES <= SLOT_BYTES && CODE_AT + 15 + SITE_BYTES <= AHEAD_AT);

/// Makes cases of one instruction.
pub(crate) struct Single {
    shaper: Shaper,
    factory: InstructionInfoFactory,
}

impl Single {
    pub(crate) fn new() -> Self {
        Self { shaper: Shaper::new(), factory: InstructionInfoFactory::new() }
    }

    /// A case of this form in the place at `slot`; `None` when chance made none.
    pub(crate) fn case(
        &mut self,
        code: Code,
        random: &mut Random,
        machine: &Machine,
        slot: u64,
    ) -> Option<Case> {
        let (world, pc) = (&machine.world, slot + CODE_AT);
        let mut shaped = self.shaper.shape(code, random, world, pc)?;
        if is_wild(&shaped.insn) || loads_fs(&shaped.insn) && !machine.has_bases() {
            return None;
        }
        let targets = [slot, slot + AHEAD_AT];
        let target = targets[random.below(2) as usize];
        if is_near_branch(&shaped.insn) {
            shaped.insn.set_near_branch64(target);
            let insn = shaped.insn;
            shaped = self.shaper.again(&insn, pc)?;
        }
        refuse_kernel(&mut shaped);
        let behind = pc + shaped.bytes.len() as u64;
        let mut case = Case {
            vectors: random.below(machine.states() as u64) as usize,
            sites: vec![behind, targets[0], targets[1]],
            ..Case::default()
        };
        self.steer(&shaped.insn, target, world, random, &mut case);
        case.pieces.push(Piece { start: pc, bytes: shaped.bytes });
        case.gpr.rip = pc;
        Some(case)
    }

    fn steer(&mut self, insn: &Instruction, site: u64, world: &World, random: &mut Random, case: &mut Case) {
        let mut steering = Steering::new(world, random, case);
        let target = steering.memory(insn, &mut self.factory);
        steering.details(insn, target);
        steering.far(insn, site, target);
        let wild = steering.random.below(16) == 0;
        if wild {
            return;
        }
        if insn.is_jmp_near_indirect() || insn.is_call_near_indirect() {
            match target.filter(|_| has_memory(insn)) {
                Some(target) => steering.case.pokes.push((target, site)),
                None => steering.put(insn.op0_register(), site),
            }
        } else if insn.mnemonic() == Mnemonic::Ret {
            let rsp = steering.case.gpr.rsp;
            steering.case.pokes.push((rsp, site));
        }
    }
}

/// Whether it accesses memory at a bit offset that is an address as well: anywhere.
fn is_wild(insn: &Instruction) -> bool {
    let bit = [Mnemonic::Bt, Mnemonic::Bts, Mnemonic::Btr, Mnemonic::Btc].contains(&insn.mnemonic());
    let offset = insn.op1_register().full_register();
    bit && [insn.memory_base(), insn.memory_index()].iter().any(|own| own.full_register() == offset)
}

/// Whether it loads a selector, and with it a base, that this thread relies on.
fn loads_fs(insn: &Instruction) -> bool {
    is_segment_load(insn.code()) && insn.op0_register() == Register::FS || insn.mnemonic() == Mnemonic::Lfs
}

fn is_near_branch(insn: &Instruction) -> bool {
    (0..insn.op_count()).any(|n| insn.op_kind(n) == OpKind::NearBranch64)
}

/// `int 80h` is a system call, whose numbers are others; whole programs make it. Here it becomes an interrupt that nobody may raise.
fn refuse_kernel(shaped: &mut Shaped) {
    if shaped.insn.code() == Code::Int_imm8
        && let [.., vector] = &mut shaped.bytes[..]
        && *vector == 0x80
    {
        *vector = 0x81;
        shaped.insn.set_immediate8(0x81);
    }
}
