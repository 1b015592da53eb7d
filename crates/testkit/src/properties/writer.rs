//! A program written with labels and patch sites decodes to the instructions that were asked for.

use arbitrary::{Result, Unstructured};
use iced_x86::{Instruction, Mnemonic};
use midstride_addr::CachePc;
use midstride_asm::{Alu, Cond, EmitError, Gpr, Label, Mem, PatchSite, Scale, Width, Writer};

use super::code::{Emitted, address, gpr, register};

/// Room for the code.
const CAPACITY: usize = 4096;
/// Labels of a program.
const LABELS: usize = 8;
/// Instructions of a program, at most.
const STEPS: usize = 120;

/// A random program: every instruction decodes to its mnemonic and operand, every branch leads to its label, and
/// every patch site can be turned to another target by the word it names.
///
/// # Errors
/// When `u` is exhausted.
///
/// # Panics
/// When it does not hold.
pub fn asm_roundtrip(u: &mut Unstructured<'_>) -> Result<()> {
    let origin = CachePc::new(address(u)?);
    let mut buffer = vec![0; if u.ratio(1, 16)? { u.int_in_range(0..=200)? } else { CAPACITY }];
    let capacity = buffer.len();
    let mut program = Program::new(&mut buffer, origin);
    for _ in 0..u.int_in_range(0..=STEPS)? {
        STEPS_BY_CHANCE[u.choose_index(STEPS_BY_CHANCE.len())?](&mut program, u)?;
    }
    program.bind_the_rest();
    program.judge(origin, capacity, address(u)?);
    Ok(())
}

/// What an instruction is to be.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// This mnemonic.
    Plain(Mnemonic),
    /// This mnemonic between registers.
    Registers(Mnemonic, [Gpr; 2]),
    /// This mnemonic, and the address its rip-relative operand means.
    Memory(Mnemonic, u64),
    /// This mnemonic, to this label (or the address of it).
    ToLabel(Mnemonic, usize),
    /// This mnemonic, to this address.
    To(Mnemonic, CachePc),
}

struct Program<'b> {
    writer: Writer<'b>,
    labels: Vec<Label>,
    /// How many of them are bound, in order.
    bound: usize,
    wanted: Vec<Wanted>,
    sites: Vec<PatchSite>,
}

/// Adds something to a program.
type Step = for<'b> fn(&mut Program<'b>, &mut Unstructured<'_>) -> Result<()>;

const STEPS_BY_CHANCE: [Step; 12] = [
    |program, u| program.bind(u),
    |program, u| program.jump(u),
    |program, u| program.branch(u),
    |program, u| program.short_branch(u),
    |program, u| program.counted(u),
    |program, u| program.label_address(u),
    |program, u| program.patchable(u),
    |program, u| program.direct(u),
    |program, u| program.between_registers(u),
    |program, u| program.constant(u),
    |program, u| program.memory(u),
    |program, u| program.stack(u),
];

impl<'b> Program<'b> {
    fn new(buffer: &'b mut [u8], origin: CachePc) -> Self {
        let mut writer = Writer::new(buffer, origin);
        let labels = (0..LABELS).map(|_| writer.new_label()).collect();
        Self { writer, labels, bound: 0, wanted: Vec::new(), sites: Vec::new() }
    }

    fn bind(&mut self, _: &mut Unstructured<'_>) -> Result<()> {
        if let Some(&label) = self.labels.get(self.bound) {
            self.writer.bind(label);
            self.bound += 1;
        }
        Ok(())
    }

    fn bind_the_rest(&mut self) {
        self.labels[self.bound..].iter().for_each(|&label| self.writer.bind(label));
    }

    fn label(&self, u: &mut Unstructured<'_>) -> Result<(usize, Label)> {
        let index = u.choose_index(LABELS)?;
        Ok((index, self.labels[index]))
    }

    fn jump(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (index, label) = self.label(u)?;
        let mnemonic = if u.arbitrary()? {
            self.writer.jmp(label);
            Mnemonic::Jmp
        } else {
            self.writer.call(label);
            Mnemonic::Call
        };
        self.wanted.push(Wanted::ToLabel(mnemonic, index));
        Ok(())
    }

    fn branch(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (index, label) = self.label(u)?;
        let (cond, mnemonic) = condition(u)?;
        self.writer.jcc(cond, label);
        self.wanted.push(Wanted::ToLabel(mnemonic, index));
        Ok(())
    }

    fn short_branch(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (index, label) = self.label(u)?;
        let (cond, mnemonic) = condition(u)?;
        self.writer.jcc_short(cond, label);
        self.wanted.push(Wanted::ToLabel(mnemonic, index));
        Ok(())
    }

    fn counted(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        type Counted = for<'b> fn(&mut Writer<'b>, Label);
        const COUNTED: [(Mnemonic, Counted); 6] = [
            (Mnemonic::Jmp, |w, label| w.jmp_short(label)),
            (Mnemonic::Jrcxz, |w, label| w.jrcxz(label)),
            (Mnemonic::Jecxz, |w, label| w.jecxz(label)),
            (Mnemonic::Loop, |w, label| w.loop_(label)),
            (Mnemonic::Loope, |w, label| w.loope(label)),
            (Mnemonic::Loopne, |w, label| w.loopne(label)),
        ];
        let (index, label) = self.label(u)?;
        let (mnemonic, emit) = *u.choose(&COUNTED)?;
        emit(&mut self.writer, label);
        self.wanted.push(Wanted::ToLabel(mnemonic, index));
        Ok(())
    }

    fn label_address(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (index, label) = self.label(u)?;
        self.writer.lea_label(gpr(u)?, label);
        self.wanted.push(Wanted::ToLabel(Mnemonic::Lea, index));
        Ok(())
    }

    fn patchable(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let to = self.near(u)?;
        let (cond, jcc) = condition(u)?;
        let (mnemonic, site) = match u.int_in_range(0..=3)? {
            0 => (Mnemonic::Jmp, self.writer.jmp_patchable(to)),
            1 => (jcc, self.writer.jcc_patchable(cond, to)),
            2 => (Mnemonic::Call, self.writer.call_patchable(to)),
            _ => (Mnemonic::Jmp, self.writer.jmp_nop_patchable(to)),
        };
        self.sites.push(site);
        self.wanted.push(Wanted::To(mnemonic, to));
        Ok(())
    }

    fn direct(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let to = self.near(u)?;
        let (cond, mnemonic) = condition(u)?;
        self.writer.jcc_to(cond, to);
        self.wanted.push(Wanted::To(mnemonic, to));
        Ok(())
    }

    fn between_registers(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (dst, src) = (gpr(u)?, gpr(u)?);
        if u.arbitrary()? {
            self.writer.mov_rr(Width::W64, dst, src);
            self.wanted.push(Wanted::Registers(Mnemonic::Mov, [dst, src]));
        } else {
            self.writer.alu_rr(Width::W64, Alu::Xor, dst, src);
            self.wanted.push(Wanted::Registers(Mnemonic::Xor, [dst, src]));
        }
        Ok(())
    }

    fn constant(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let value = u.arbitrary::<u64>()? >> u.int_in_range(0..=63)?;
        self.writer.mov_ri(gpr(u)?, value);
        self.wanted.push(Wanted::Plain(Mnemonic::Mov));
        Ok(())
    }

    fn memory(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let disp = i32::from(u.arbitrary::<i16>()?);
        match u.int_in_range(0..=2)? {
            0 => {
                let target = self.near(u)?.get();
                self.writer.alu_mi(Width::W64, Alu::Cmp, Mem::rip(target), disp);
                self.wanted.push(Wanted::Memory(Mnemonic::Cmp, target));
            }
            1 => {
                let index = *u.choose(&[Gpr::Rax, Gpr::Rbp, Gpr::R12, Gpr::R15])?;
                self.writer.lea(Width::W64, gpr(u)?, Mem::base_index(gpr(u)?, index, Scale::X4, disp));
                self.wanted.push(Wanted::Plain(Mnemonic::Lea));
            }
            _ => {
                self.writer.mov_mr(Width::W32, Mem::base(gpr(u)?, disp), gpr(u)?);
                self.wanted.push(Wanted::Plain(Mnemonic::Mov));
            }
        }
        Ok(())
    }

    fn stack(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let reg = gpr(u)?;
        if u.arbitrary()? {
            self.writer.push_r(reg);
            self.wanted.push(Wanted::Plain(Mnemonic::Push));
        } else {
            self.writer.pop_r(reg);
            self.wanted.push(Wanted::Plain(Mnemonic::Pop));
        }
        Ok(())
    }

    /// An address that every instruction of the program reaches.
    fn near(&self, u: &mut Unstructured<'_>) -> Result<CachePc> {
        Ok(self.writer.origin().offset(i64::from(u.arbitrary::<i32>()?) / 2))
    }

    fn judge(self, origin: CachePc, capacity: usize, other: u64) {
        let places: Vec<u64> = self.labels.iter().map(|&label| self.place(label)).collect();
        let code = match self.writer.finish() {
            Ok(code) => code,
            Err(EmitError::Full { .. }) => return assert!(capacity < CAPACITY, "there was room"),
            Err(EmitError::ShortOutOfReach { from, to }) => {
                let distance = i64::from(to.get()) - i64::from(from.get());
                return assert!(i8::try_from(distance).is_err(), "{distance} is in reach");
            }
            Err(error) => panic!("nothing of this kind was asked for: {error}"),
        };
        let emitted = Emitted { from: &[], from_pc: 0, code: code.bytes(), origin };
        let insns = emitted.decoded();
        let insns: Vec<_> = insns.iter().filter(|insn| insn.mnemonic() != Mnemonic::Nop).collect();
        assert_eq!(insns.len(), self.wanted.len(), "another number of instructions\n{emitted}");
        for (insn, wanted) in insns.iter().zip(&self.wanted) {
            assert!(wanted.is(insn, &places), "not {wanted:x?}: {insn}\n{emitted}");
        }
        self.sites.iter().for_each(|site| turns(site, &emitted, CachePc::new(other)));
    }

    /// Where a bound label is.
    fn place(&self, label: Label) -> u64 {
        self.writer.place_of(label).map_or(0, |offset| offset.at(self.writer.origin()).get())
    }
}

impl Wanted {
    fn is(self, insn: &Instruction, places: &[u64]) -> bool {
        let (mnemonic, fits) = match self {
            Self::Plain(mnemonic) => (mnemonic, true),
            Self::Registers(mnemonic, [a, b]) => {
                (mnemonic, [insn.op0_register(), insn.op1_register()] == [register(a), register(b)])
            }
            Self::Memory(mnemonic, target) => (mnemonic, insn.ip_rel_memory_address() == target),
            Self::ToLabel(Mnemonic::Lea, label) => {
                (Mnemonic::Lea, insn.ip_rel_memory_address() == places[label])
            }
            Self::ToLabel(mnemonic, label) => (mnemonic, insn.near_branch_target() == places[label]),
            Self::To(mnemonic, target) => (mnemonic, insn.near_branch_target() == target.get()),
        };
        insn.mnemonic() == mnemonic && fits
    }
}

/// Stores the word that takes `site` to `target`, in a copy of the code, and looks where the branch leads then.
fn turns(site: &PatchSite, emitted: &Emitted<'_>, target: CachePc) {
    let start = site.word_address().get().wrapping_sub(emitted.origin.get()) as usize;
    let mut padded = [&[0; 8][..], emitted.code, &[0; 8][..]].concat();
    let word = padded[start.wrapping_add(8)..][..8].try_into().expect("eight bytes were taken");
    let Ok((address, word)) = site.word_for(u64::from_le_bytes(word), target) else {
        let reach = target.get().wrapping_sub(site.end().get()) as i64;
        return assert!(i32::try_from(reach).is_err(), "{target} is in reach\n{emitted}");
    };
    assert_eq!(address.get() % 8, 0, "a word that is not aligned\n{emitted}");
    padded[start.wrapping_add(8)..][..8].copy_from_slice(&word.to_le_bytes());
    let code = &padded[8..][..emitted.code.len()];
    let turned = Emitted { code, ..*emitted };
    let insns = turned.decoded();
    let branch = insns.iter().find(|insn| insn.ip() == site.instruction().get());
    let target_now = branch.map(Instruction::near_branch_target);
    assert_eq!(target_now, Some(target.get()), "turned to another target\n{turned}");
}

fn condition(u: &mut Unstructured<'_>) -> Result<(Cond, Mnemonic)> {
    const CONDITIONS: [(Cond, Mnemonic); 16] = [
        (Cond::O, Mnemonic::Jo),
        (Cond::No, Mnemonic::Jno),
        (Cond::B, Mnemonic::Jb),
        (Cond::Ae, Mnemonic::Jae),
        (Cond::E, Mnemonic::Je),
        (Cond::Ne, Mnemonic::Jne),
        (Cond::Be, Mnemonic::Jbe),
        (Cond::A, Mnemonic::Ja),
        (Cond::S, Mnemonic::Js),
        (Cond::Ns, Mnemonic::Jns),
        (Cond::P, Mnemonic::Jp),
        (Cond::Np, Mnemonic::Jnp),
        (Cond::L, Mnemonic::Jl),
        (Cond::Ge, Mnemonic::Jge),
        (Cond::Le, Mnemonic::Jle),
        (Cond::G, Mnemonic::Jg),
    ];
    u.choose(&CONDITIONS).copied()
}
