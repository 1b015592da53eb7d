//! Instructions in a row that leave each other's operands alone.

use iced_x86::{
    Code, EncodingKind, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, Register,
};

use super::case::Case;
use super::shape::{Shaped, Shaper, has_memory};
use super::special::care;
use super::steer::{flags, gpr, number};
use super::world::{WINDOW_BYTES, Window, World};
use crate::Random;
use crate::insn::COMMON;

/// Registers that point into windows, and where: no instruction of a body writes them.
const POINTERS: [(Register, Window, u64); 8] = [
    (Register::RBX, Window::Near, 0x400),
    (Register::RSI, Window::Near, 0x500),
    (Register::RDI, Window::Near, 0x600),
    (Register::RBP, Window::Stack, 0x900),
    (Register::R12, Window::Near, 0x700),
    (Register::R13, Window::Near, 0x480),
    (Register::R15, Window::Low, 0x400),
    (Register::RSP, Window::Stack, 0x800),
];
/// A register that holds a small index.
const INDEX: Register = Register::R14;
/// Attempts at an instruction before a nop is taken.
const ATTEMPTS: usize = 12;

/// Makes bodies.
pub(crate) struct Bodies {
    shaper: Shaper,
    factory: InstructionInfoFactory,
    forms: Vec<Code>,
}

impl Bodies {
    /// Of these forms, as far as they can stand in a row.
    pub(crate) fn new(forms: impl IntoIterator<Item = Code>) -> Self {
        let forms = forms.into_iter().filter(|code| can_stand_in_a_row(*code)).collect();
        Self { shaper: Shaper::new(), factory: InstructionInfoFactory::new(), forms }
    }

    /// This many instructions at `pc`.
    pub(crate) fn body(&mut self, count: u64, random: &mut Random, world: &World, pc: u64) -> Vec<u8> {
        let mut code = Vec::new();
        for _ in 0..count {
            let bytes = self.instruction(random, world, pc + code.len() as u64);
            code.extend(bytes);
        }
        code
    }

    fn instruction(&mut self, random: &mut Random, world: &World, pc: u64) -> Vec<u8> {
        for _ in 0..ATTEMPTS {
            let from: &[Code] = if random.below(3) == 0 { &COMMON } else { &self.forms };
            let code = from[random.below(from.len() as u64) as usize];
            let Some(shaped) = self.shaper.shape(code, random, world, pc) else { continue };
            let Some(shaped) = self.address(shaped, random, world, pc) else { continue };
            if can_stand_in_a_row(code)
                && care(&shaped.insn).is_none()
                && !reads_old_stack_pointer(&shaped.insn)
                && self.leaves_pointers_alone(&shaped.insn)
            {
                return shaped.bytes;
            }
        }
        vec![0x90]
    }

    /// Lets an operand in memory be one that a pointer reaches.
    fn address(&mut self, shaped: Shaped, random: &mut Random, world: &World, pc: u64) -> Option<Shaped> {
        let mut insn = shaped.insn;
        if insn.segment_prefix() == Register::FS {
            // An address of its own was meant for another base.
            return None;
        }
        let fixed = insn.is_ip_rel_memory_operand() || insn.memory_base() == Register::None;
        if !has_memory(&insn) || fixed && insn.memory_index() == Register::None {
            return Some(shaped);
        }
        let (base, _, _) = POINTERS[random.below(POINTERS.len() as u64) as usize];
        let index = if random.below(3) == 0 { INDEX } else { Register::None };
        insn.set_memory_base(base);
        insn.set_memory_index(index);
        insn.set_memory_index_scale(if index == INDEX { 1 << random.below(4) } else { 1 });
        let displacement = (random.below(9) as i64 - 4) * 64 + [0, 0, 0, 8, 1][random.below(5) as usize];
        insn.set_memory_displacement64(displacement.cast_unsigned());
        insn.set_memory_displ_size(if (-128..128).contains(&displacement) { 1 } else { 8 });
        insn.set_segment_prefix(Register::None);
        debug_assert!(displacement.unsigned_abs() < WINDOW_BYTES && world.code <= pc);
        self.shaper.again(&insn, pc)
    }

    fn leaves_pointers_alone(&mut self, insn: &Instruction) -> bool {
        let is_pointer = |register: Register| {
            let full = register.full_register();
            full == INDEX || POINTERS.iter().any(|(pointer, _, _)| *pointer == full)
        };
        let moves_itself = |register: Register| match register.full_register() {
            Register::RSP => insn.stack_pointer_increment() != 0,
            Register::RSI | Register::RDI => insn.is_string_instruction(),
            _ => false,
        };
        let info = self.factory.info(insn);
        let writes =
            |access: OpAccess| !matches!(access, OpAccess::Read | OpAccess::CondRead | OpAccess::None);
        let kept = info.used_registers().iter().all(|used| {
            let register = used.register();
            !(writes(used.access()) && is_pointer(register)) || moves_itself(register)
        });
        let reached = info.used_memory().iter().all(|memory| {
            let base = memory.base();
            let known = [Register::None, Register::RIP, Register::EIP].contains(&base) || is_pointer(base);
            // Half a pointer leads to what somebody else has below 4 GiB.
            let is_narrow = base.is_gpr32() || memory.index().is_gpr32();
            known
                && !is_narrow
                && [Register::None, INDEX, Register::AL].contains(&memory.index().full_index())
        });
        kept && reached
    }

    /// Registers for bodies.
    pub(crate) fn registers(random: &mut Random, world: &World, case: &mut Case) {
        for register in 0..16 {
            *gpr(case, register) = number(random);
        }
        for (register, window, offset) in POINTERS {
            *gpr(case, register.number()) = world.window(window) + offset;
        }
        *gpr(case, INDEX.number()) = random.below(8);
        case.gpr.rflags = flags(random);
    }
}

/// EVEX instructions read the rsp before the last push or pop when it is their register operand and a bit is set
/// that they ignore otherwise (seen on AMD's Zen 5: `push rax; vpbroadcastw ymm11, esp` with EVEX.X). What is
/// between the two decides, and rewriting changes that.
fn reads_old_stack_pointer(insn: &Instruction) -> bool {
    let rsp = |n: u32| insn.op_register(n).full_register() == Register::RSP;
    insn.code().op_code().encoding() == EncodingKind::EVEX && (0..insn.op_count()).any(rsp)
}

/// The register that an index is part of; `AL`, the index of `xlat`, is itself.
trait FullIndex {
    fn full_index(self) -> Register;
}

impl FullIndex for Register {
    fn full_index(self) -> Register {
        if self == Register::AL || self == Register::None { self } else { self.full_register() }
    }
}

/// Instructions that would make much of a row unreachable, or show addresses of code.
const ALONE: [Mnemonic; 31] = [
    // The kernel carries them out, and no trap comes behind them when they are stepped.
    Mnemonic::Smsw,
    Mnemonic::Sgdt,
    Mnemonic::Sidt,
    Mnemonic::Sldt,
    Mnemonic::Str,
    Mnemonic::Fnstenv,
    Mnemonic::Fnsave,
    Mnemonic::Fxsave,
    Mnemonic::Fxsave64,
    Mnemonic::Xsave,
    Mnemonic::Xsave64,
    Mnemonic::Xsaveopt,
    Mnemonic::Xsaveopt64,
    Mnemonic::Xsavec,
    Mnemonic::Xsavec64,
    Mnemonic::Popf,
    Mnemonic::Popfd,
    Mnemonic::Popfq,
    Mnemonic::Enter,
    Mnemonic::Leave,
    Mnemonic::Div,
    Mnemonic::Idiv,
    Mnemonic::Xrstor,
    Mnemonic::Xrstor64,
    Mnemonic::Fxrstor,
    Mnemonic::Fxrstor64,
    Mnemonic::Fldenv,
    Mnemonic::Frstor,
    Mnemonic::Fldcw,
    Mnemonic::Clzero,
    Mnemonic::Wrfsbase,
];

fn can_stand_in_a_row(code: Code) -> bool {
    let info = code.op_code();
    let bit_in_memory =
        matches!(code.mnemonic(), Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc)
            && info.op1_kind() != iced_x86::OpCodeOperandKind::imm8;
    let vector_index = (0..info.op_count()).any(|n| is_vector_index(info.op_kind(n)));
    code.flow_control() == FlowControl::Next
        && !ALONE.contains(&code.mnemonic())
        && !(bit_in_memory || vector_index)
}

fn is_vector_index(kind: iced_x86::OpCodeOperandKind) -> bool {
    use iced_x86::OpCodeOperandKind as Kind;
    matches!(kind, Kind::mem_vsib32x | Kind::mem_vsib64x | Kind::mem_vsib32y | Kind::mem_vsib64y)
        || matches!(kind, Kind::mem_vsib32z | Kind::mem_vsib64z)
}
