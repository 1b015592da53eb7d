//! Random sequences of instructions, labels and patch sites against a simple model.

use std::iter::zip;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use iced_x86::{Decoder, DecoderOptions, Instruction};
use midstride_addr::CodeOffset;
use midstride_asm::{Alu, Cond, EmitError, Gpr, Label, Lock, Mem, Scale, Segment, Width, Writer};
use midstride_testkit::BASE;

/// Labels of a sequence.
const LABELS: usize = 4;

/// One thing to write.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// One of [`PLAIN`].
    Plain(usize),
    /// One of [`NEAR`] to a label.
    Near(usize, usize),
    /// One of [`SHORT`] to a label.
    Short(usize, usize),
    /// Binds a label, unless it is bound already.
    Bind(usize),
    /// A jump that may need padding.
    Patchable,
}

type Emit = fn(&mut Writer<'_>);
type Branch = fn(&mut Writer<'_>, Label);

/// Instructions of many lengths.
const PLAIN: [Emit; 9] = [
    |w| w.cld(),
    |w| w.push_r(Gpr::R12),
    |w| w.alu_rr(Width::W64, Alu::Sub, Gpr::Rsp, Gpr::R8),
    |w| w.mov_rm(Width::W16, Gpr::Rdi, Mem::base_index(Gpr::R13, Gpr::R9, Scale::X2, 0)),
    |w| w.mov_mi(Width::W64, Mem::rip(BASE.get()).seg(Segment::Gs), -1),
    |w| w.xadd_mr(Width::W32, Lock::Locked, Mem::abs32(-8), Gpr::Rbp),
    |w| w.movabs(Gpr::Rdx, 0x0102_0304_0506_0708),
    |w| w.rorx_rmi(Width::W64, Gpr::R15, Mem::base(Gpr::Rsp, 0x400), 3),
    |w| w.nop(9),
];

const NEAR: [Branch; 4] =
    [|w, l| w.jmp(l), |w, l| w.jcc(Cond::P, l), |w, l| w.call(l), |w, l| w.lea_label(Gpr::R10, l)];

const SHORT: [Branch; 4] =
    [|w, l| w.jmp_short(l), |w, l| w.jcc_short(Cond::L, l), |w, l| w.jecxz(l), |w, l| w.loopne(l)];

fn step(u: &mut Unstructured<'_>) -> Result<Step> {
    Ok(match u.int_in_range(0..=9)? {
        0..=4 => Step::Plain(u.choose_index(PLAIN.len())?),
        5 | 6 => Step::Near(u.choose_index(NEAR.len())?, u.choose_index(LABELS)?),
        7 => Step::Short(u.choose_index(SHORT.len())?, u.choose_index(LABELS)?),
        8 => Step::Bind(u.choose_index(LABELS)?),
        _ => Step::Patchable,
    })
}

fn steps(u: &mut Unstructured<'_>, most: usize) -> Result<Vec<Step>> {
    let count = u.int_in_range(0..=most)?;
    (0..count).map(|_| step(u)).collect()
}

/// What was written, as far as the model follows it.
#[derive(Default, Debug)]
struct Model {
    /// Branches: where each starts and the label it leads to.
    branches: Vec<(u32, usize)>,
    /// The same for those with an 8-bit displacement.
    short: Vec<(u32, usize)>,
    bound: [Option<u32>; LABELS],
}

impl Model {
    fn play(&mut self, w: &mut Writer<'_>, labels: &[Label; LABELS], steps: &[Step]) {
        for &step in steps {
            let at = w.offset().get();
            match step {
                Step::Plain(n) => PLAIN[n](w),
                Step::Near(n, label) => {
                    NEAR[n](w, labels[label]);
                    self.branches.push((at, label));
                }
                Step::Short(n, label) => {
                    SHORT[n](w, labels[label]);
                    self.branches.push((at, label));
                    self.short.push((w.offset().get(), label));
                }
                Step::Bind(label) => self.bind(w, labels, label),
                Step::Patchable => {
                    w.jmp_patchable(BASE);
                }
            }
        }
    }

    fn bind(&mut self, w: &mut Writer<'_>, labels: &[Label; LABELS], label: usize) {
        if self.bound[label].is_none() {
            self.bound[label] = Some(w.offset().get());
            w.bind(labels[label]);
        }
    }

    fn bind_all(&mut self, w: &mut Writer<'_>, labels: &[Label; LABELS]) {
        (0..LABELS).for_each(|label| self.bind(w, labels, label));
    }

    /// Whether some short branch cannot reach its label.
    fn too_far(&self) -> bool {
        let distance = |&(end, label): &(u32, usize)| Some(i64::from(self.bound[label]?) - i64::from(end));
        self.short.iter().filter_map(distance).any(|distance| i8::try_from(distance).is_err())
    }

    /// Forgets what was written from `cut` on.
    fn cut(&mut self, cut: u32) {
        self.branches.retain(|&(at, _)| at < cut);
        self.short.retain(|&(end, _)| end <= cut);
        for bound in &mut self.bound {
            *bound = bound.filter(|&at| at <= cut);
        }
    }
}

fn labels(w: &mut Writer<'_>) -> [Label; LABELS] {
    std::array::from_fn(|_| w.new_label())
}

/// The code of the steps in a buffer of `capacity` bytes, all labels bound.
fn write(steps: &[Step], capacity: usize) -> (std::result::Result<Vec<u8>, EmitError>, Model) {
    let mut buffer = vec![0xcc; capacity];
    let mut w = Writer::new(&mut buffer, BASE);
    let labels = labels(&mut w);
    let mut model = Model::default();
    model.play(&mut w, &labels, steps);
    model.bind_all(&mut w, &labels);
    (w.finish().map(|code| code.bytes().to_vec()), model)
}

/// Room for every sequence.
const ENOUGH: usize = 4096;

fn check_branches(code: &[u8], model: &Model) {
    let mut decoder = Decoder::with_ip(64, code, BASE.get(), DecoderOptions::NONE);
    let insns: Vec<Instruction> = decoder.iter().collect();
    assert!(insns.iter().all(|insn| !insn.is_invalid()), "{code:02x?}");
    for &(at, label) in &model.branches {
        let pc = BASE.get() + u64::from(at);
        let insn = insns.iter().find(|insn| insn.ip() == pc).expect("a branch starts where one was written");
        let target = if insn.is_ip_rel_memory_operand() {
            insn.ip_rel_memory_address()
        } else {
            insn.near_branch_target()
        };
        assert_eq!(Some(target - BASE.get()), model.bound[label].map(u64::from), "at {at:#x}");
    }
}

#[test]
fn every_branch_leads_to_its_label() {
    arbtest(|u| {
        let steps = steps(u, 40)?;
        match write(&steps, ENOUGH) {
            (Ok(code), model) => {
                assert!(!model.too_far(), "{steps:?}");
                check_branches(&code, &model);
            }
            (Err(EmitError::ShortOutOfReach { .. }), _) => {
                let near: Vec<Step> = steps.iter().copied().filter(|step| !is_short(*step)).collect();
                let (code, model) = write(&near, ENOUGH);
                check_branches(&code.expect("no short branch is left"), &model);
            }
            (Err(error), _) => panic!("{error}: {steps:?}"),
        }
        Ok(())
    })
    .size_min(64)
    .size_max(1024);
}

fn is_short(step: Step) -> bool {
    matches!(step, Step::Short(..))
}

#[test]
fn a_smaller_buffer_gives_the_same_code_or_is_full() {
    arbtest(|u| {
        let steps: Vec<Step> = steps(u, 12)?.into_iter().filter(|step| !is_short(*step)).collect();
        let (all, _) = write(&steps, ENOUGH);
        let all = all.expect("without short branches there is nothing to refuse");
        let capacity = u.int_in_range(0..=all.len() + 20)?;
        let (result, _) = write(&steps, capacity);
        if capacity < all.len() {
            assert_eq!(result, Err(EmitError::Full { capacity }));
        } else {
            assert_eq!(result, Ok(all));
        }
        Ok(())
    })
    .size_min(64)
    .size_max(512);
}

#[test]
fn truncation_leaves_no_trace() {
    arbtest(|u| {
        let [before, cut_off, behind] = [steps(u, 8)?, steps(u, 8)?, steps(u, 8)?];
        let mut buffer = vec![0xcc; ENOUGH];
        let mut w = Writer::new(&mut buffer, BASE);
        let labels = labels(&mut w);
        let mut model = Model::default();
        model.play(&mut w, &labels, &before);
        let cut = w.offset();
        let kept = model.bound;
        model.play(&mut w, &labels, &cut_off);
        if w.error().is_some() {
            return Ok(());
        }
        let moved = zip(kept, model.bound).any(|(old, new)| old != new && new == Some(cut.get()));
        w.truncate(cut);
        model.cut(cut.get());
        if w.error().is_some() || moved {
            return check_cut_off(&before, &model, w.error(), cut);
        }
        model.play(&mut w, &labels, &behind);
        model.bind_all(&mut w, &labels);
        let expected = write(&[before, behind].concat(), ENOUGH).0;
        assert_eq!(w.finish().map(|code| code.bytes().to_vec()), expected);
        Ok(())
    })
    .size_min(64)
    .size_max(512);
}

/// Truncation fails only when a label that was used before `cut` had its place behind it.
fn check_cut_off(before: &[Step], model: &Model, error: Option<EmitError>, cut: CodeOffset) -> Result<()> {
    if let Some(error) = error {
        assert!(matches!(error, EmitError::LabelCutOff { cut: at, .. } if at == cut), "{error}: {before:?}");
        let waiting = model.branches.iter().any(|&(_, label)| model.bound[label].is_none());
        assert!(waiting, "{before:?}");
    }
    Ok(())
}
