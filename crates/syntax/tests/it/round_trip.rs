//! Every form, printed by iced and assembled back.
//!
//! What comes back may be encoded otherwise (in fewer bytes, by a form that does the same), but has to be the same
//! instruction: it prints the same, reads and writes the same registers, memory and flags, and goes to the same
//! places. Segments other than FS and GS are one.

use std::collections::BTreeMap;

use iced_x86::{
    Formatter, FormatterOptions, Instruction, InstructionInfoFactory, IntelFormatter, MemorySizeOptions,
    OpKind, Register,
};
use midstride_syntax::assemble;
use midstride_testkit::Random;

use crate::forms::{IP, decode, encodable, instructions, why_left_out};

/// Instructions of each form.
const SAMPLES: usize = 24;

/// How iced prints: the usual way, and with all there is to say.
const STYLES: [fn(&mut FormatterOptions); 3] = [
    |_| (),
    |options| {
        options.set_rip_relative_addresses(true);
        options.set_memory_size_options(MemorySizeOptions::Always);
        options.set_space_after_operand_separator(true);
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
    },
    |options| {
        options.set_signed_immediate_operands(true);
        options.set_use_pseudo_ops(false);
        options.set_uppercase_all(true);
        options.set_space_between_memory_add_operators(true);
        options.set_space_between_memory_mul_operators(true);
        options.set_scale_before_index(true);
        options.set_always_show_scale(true);
    },
];

/// The style that prints distances from the next instruction.
pub(crate) const DISTANCES: usize = 1;

pub(crate) fn text(insn: &Instruction, style: impl Fn(&mut FormatterOptions)) -> String {
    let mut printer = IntelFormatter::new();
    style(printer.options_mut());
    let mut text = String::new();
    printer.format(insn, &mut text);
    text
}

const SOURCES: [OpKind; 4] =
    [OpKind::MemorySegRSI, OpKind::MemorySegESI, OpKind::MemorySegRDI, OpKind::MemorySegEDI];

/// What an instruction is and does: as it prints, sizes of branches aside, and what it reads and writes.
pub(crate) fn meaning(insn: &Instruction, style: usize) -> (String, String) {
    let mut insn = *insn;
    if style == DISTANCES && insn.is_ip_rel_memory_operand() {
        // `[rip+8]` is said of the next instruction, wherever that is.
        insn.set_memory_displacement64(insn.memory_displacement64().wrapping_sub(insn.next_ip()));
    }
    let has_memory = insn.op_kinds().any(|kind| kind == OpKind::Memory || SOURCES.contains(&kind));
    let own_base = has_memory && [Register::FS, Register::GS].contains(&insn.memory_segment());
    let hint = insn.is_jcc_short_or_near() || insn.code().op_code().can_use_notrack_prefix();
    let hinted = hint && [Register::CS, Register::DS].contains(&insn.segment_prefix());
    if !own_base && !hinted {
        // The other segments are one.
        insn.set_segment_prefix(Register::None);
    }
    let insn = &insn;
    let printed = text(insn, |options| options.set_show_branch_size(false)).replace("st(0)", "st");
    let printed = printed.trim_start_matches("addr32 ").to_owned();
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(insn);
    let mut registers: Vec<_> = info.used_registers().iter().map(|used| format!("{used:?}")).collect();
    registers.sort();
    registers.dedup();
    let memory = info.used_memory().iter().map(|used| {
        let bytes = used.memory_size().size();
        let scale = if used.index() == Register::None { 1 } else { used.scale() };
        let address = (used.base(), used.index(), scale, used.displacement(), used.vsib_size());
        format!("{address:x?} {bytes} {:?}", used.access())
    });
    let effects = format!(
        "{registers:?} {:?} {:?} {:?} {:?}",
        memory.collect::<Vec<_>>(),
        insn.rflags_modified(),
        insn.stack_pointer_increment(),
        insn.flow_control()
    );
    (printed, effects)
}

/// Why an instruction does not come back.
fn trouble(insn: &Instruction, style: usize) -> Option<String> {
    let text = text(insn, STYLES[style]);
    let assembly = match assemble(&text, IP) {
        Ok(assembly) => assembly,
        Err(error) => return Some(error.report(&text).to_string()),
    };
    let back = decode(&assembly.bytes());
    let (wanted, got) = (meaning(insn, style), meaning(&back, style));
    (wanted != got)
        .then(|| format!("{text}\n  wanted {:?} {wanted:?}\n  got    {:?} {got:?}", insn.code(), back.code()))
}

#[test]
fn every_form_printed_by_iced_assembles_back() {
    let mut random = Random::new(0x6c61_6221);
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    let mut troubles = Vec::new();
    let (mut forms, mut count) = (0, 0);
    for code in encodable() {
        if let Some(reason) = why_left_out(code) {
            *left_out.entry(reason).or_default() += 1;
            continue;
        }
        let insns = instructions(code, SAMPLES, &mut random);
        assert!(!insns.is_empty(), "nothing of {code:?} was generated");
        forms += 1;
        count += insns.len();
        let texts = insns.iter().flat_map(|insn| (0..STYLES.len()).map(move |style| (insn, style)));
        troubles.extend(texts.into_iter().find_map(|(insn, style)| trouble(insn, style)));
    }
    let back = forms - troubles.len();
    println!("{back} of {forms} forms come back, in {count} instructions and {} styles", STYLES.len());
    left_out.iter().for_each(|(reason, forms)| println!("{forms} left out: {reason}"));
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
    assert!(forms >= 4363);
}
