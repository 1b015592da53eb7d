//! Every name and the forms it can mean, from iced's tables and printers.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use iced_x86::{
    CC_a, CC_ae, CC_b, CC_be, CC_e, CC_g, CC_ge, CC_l, CC_le, CC_ne, CC_np, CC_p, Code, ConditionCode,
    FormatMnemonicOptions, Formatter, FormatterOptions, Instruction, IntelFormatter, MasmFormatter,
    NasmFormatter,
};
use spin::Once;

use crate::form::{self, Form, Slot};

/// Forms by name.
pub(crate) type Index = BTreeMap<String, Vec<Form>>;

/// The index, which is built at the first call: some milliseconds.
pub(crate) fn index() -> &'static Index {
    static INDEX: Once<Index> = Once::new();
    INDEX.call_once(|| {
        let mut builder = Builder::new();
        Code::values().filter(|code| form::is_known(*code)).for_each(|code| builder.add(code));
        builder.finish()
    })
}

/// The forms that a name can mean, in the order of iced's table.
pub(crate) fn forms(name: &str) -> Option<&'static [Form]> {
    index().get(name.to_ascii_lowercase().as_str()).map(Vec::as_slice)
}

/// The forms that the name of an instruction can mean, each once; none for other words.
pub fn forms_of(name: &str) -> impl Iterator<Item = Code> {
    let mut last = None;
    let codes = forms(name).unwrap_or_default().iter().map(|form| form.code);
    codes.filter(move |code| last.replace(*code) != Some(*code))
}

/// The names of all instructions.
pub fn mnemonics() -> impl Iterator<Item = &'static str> {
    index().keys().map(String::as_str)
}

/// Names that other assemblers have for all forms of an instruction, perhaps besides those of another.
const SYNONYMS: [(&str, &str); 4] =
    [("movabs", "mov"), ("retn", "ret"), ("icebp", "int1"), ("movsx", "movsxd")];

struct Builder {
    index: Index,
    /// What iced's names are printed as.
    printed: BTreeMap<String, BTreeSet<String>>,
    printer: IntelFormatter,
    /// The printer with other names for conditions.
    conditions: [IntelFormatter; 2],
    nasm: NasmFormatter,
    masm: MasmFormatter,
}

impl Builder {
    fn new() -> Self {
        let mut printer = IntelFormatter::new();
        printer.options_mut().set_use_pseudo_ops(false);
        let mut conditions = [IntelFormatter::new(), IntelFormatter::new()];
        for (nth, printer) in (1..).zip(&mut conditions) {
            printer.options_mut().set_use_pseudo_ops(false);
            rename_conditions(printer.options_mut(), nth);
        }
        let (nasm, masm) = (NasmFormatter::new(), MasmFormatter::new());
        Self { index: Index::new(), printed: BTreeMap::new(), printer, conditions, nasm, masm }
    }

    /// Adds a form under all its names.
    fn add(&mut self, code: Code) {
        let Some(insn) = form::sample(code) else { return };
        let own = format!("{:?}", code.mnemonic()).to_ascii_lowercase();
        let printed = name(&mut self.printer, &insn);
        let far = printed.ends_with(" far");
        let printed = String::from(printed.trim_end_matches(" far"));
        let printers: [&mut dyn Formatter; 3] = [&mut self.printer, &mut self.nasm, &mut self.masm];
        let patterns = form::patterns(printers, &insn);
        let form = Form { code, slots: Vec::new(), number: None, far, foreign: false };
        for slots in &patterns {
            self.insert(&printed, Form { slots: slots.clone(), ..form.clone() });
            // `xchg rax, rax` is a nop, but `nop rax, rax` is another one.
            if own == printed || !slots.iter().any(|slot| matches!(slot, Slot::Only(_))) {
                self.insert(&own, Form { slots: slots.clone(), far: far && own == printed, ..form.clone() });
            }
        }
        for name in self.other_names(&insn) {
            let foreign = Form { foreign: true, ..form.clone() };
            patterns
                .iter()
                .for_each(|slots| self.insert(&name, Form { slots: slots.clone(), ..foreign.clone() }));
        }
        if !far {
            self.printed.entry(own).or_default().insert(printed);
        }
        self.add_pseudo(&insn, &patterns);
    }

    fn insert(&mut self, name: &str, form: Form) {
        let forms = self.index.entry(String::from(name)).or_default();
        let known = forms.iter().rev().take_while(|known| known.code == form.code);
        if !known.into_iter().any(|known| known.slots == form.slots && known.number == form.number) {
            forms.push(form);
        }
    }

    /// Names of conditions, of other printers, and of string instructions without their size.
    fn other_names(&mut self, insn: &Instruction) -> Vec<String> {
        let mut names = Vec::new();
        if insn.condition_code() != ConditionCode::None {
            names.extend(self.conditions.iter_mut().map(|printer| name(printer, insn)));
        }
        let operands = self.printer.operand_count(insn);
        if self.nasm.operand_count(insn) == operands {
            names.push(name(&mut self.nasm, insn));
        }
        if self.masm.operand_count(insn) == operands {
            names.push(name(&mut self.masm, insn));
        }
        if insn.is_string_instruction() {
            let mut sized = format!("{:?}", insn.mnemonic()).to_ascii_lowercase();
            sized.pop();
            names.push(sized);
        }
        names.retain(|name| !name.contains(' '));
        names
    }

    /// Adds the names that a number is part of.
    fn add_pseudo(&mut self, insn: &Instruction, patterns: &[Vec<Slot>]) {
        let Some(last) = form::number_operand(insn) else { return };
        let plain = name(&mut self.printer, insn);
        self.printer.options_mut().set_use_pseudo_ops(true);
        for number in 0..=u8::MAX {
            let mut insn = *insn;
            insn.set_immediate8(number);
            let pseudo = name(&mut self.printer, &insn);
            if pseudo == plain {
                // The lowest numbers have names where any have.
                if number == 0 { break } else { continue }
            }
            for pattern in patterns.iter().filter(|pattern| pattern.last() == Some(&Slot::Operand(last))) {
                let slots = pattern[..pattern.len() - 1].to_vec();
                let number = Some(number);
                self.insert(&pseudo, Form { code: insn.code(), slots, number, far: false, foreign: false });
            }
        }
        self.printer.options_mut().set_use_pseudo_ops(false);
    }

    fn finish(mut self) -> Index {
        // `sal` is always printed as `shl`: it means whatever that means.
        for (own, mut printed) in self.printed {
            let (Some(other), None) = (printed.pop_first(), printed.pop_first()) else { continue };
            let others = self.index.get(&other).cloned().unwrap_or_default();
            let forms = self.index.entry(own).or_default();
            for form in others {
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
            forms.sort_by_key(|form| form.code as u32);
        }
        for (synonym, name) in SYNONYMS {
            let forms = self.index.get(name).cloned().unwrap_or_default();
            let foreign = forms.into_iter().map(|form| Form { foreign: true, ..form });
            self.index.entry(String::from(synonym)).or_default().extend(foreign);
        }
        self.index
    }
}

/// The name that a printer gives an instruction, without prefixes.
fn name(printer: &mut dyn Formatter, insn: &Instruction) -> String {
    let mut name = String::new();
    printer.format_mnemonic_options(insn, &mut name, FormatMnemonicOptions::NO_PREFIXES);
    name
}

/// Gives conditions their second or third name, where they have one.
fn rename_conditions(options: &mut FormatterOptions, nth: usize) {
    options.set_cc_b([CC_b::b, CC_b::c, CC_b::nae][nth]);
    options.set_cc_ae([CC_ae::ae, CC_ae::nb, CC_ae::nc][nth]);
    options.set_cc_e([CC_e::e, CC_e::z, CC_e::z][nth]);
    options.set_cc_ne([CC_ne::ne, CC_ne::nz, CC_ne::nz][nth]);
    options.set_cc_be([CC_be::be, CC_be::na, CC_be::na][nth]);
    options.set_cc_a([CC_a::a, CC_a::nbe, CC_a::nbe][nth]);
    options.set_cc_p([CC_p::p, CC_p::pe, CC_p::pe][nth]);
    options.set_cc_np([CC_np::np, CC_np::po, CC_np::po][nth]);
    options.set_cc_l([CC_l::l, CC_l::nge, CC_l::nge][nth]);
    options.set_cc_ge([CC_ge::ge, CC_ge::nl, CC_ge::nl][nth]);
    options.set_cc_le([CC_le::le, CC_le::ng, CC_le::ng][nth]);
    options.set_cc_g([CC_g::g, CC_g::nle, CC_g::nle][nth]);
}

/// The name among all that is spelled most like `name`, if one is close.
pub(crate) fn similar(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let limit = if name.len() > 4 { 2 } else { 1 };
    let close = mnemonics().filter(|known| known.len().abs_diff(name.len()) <= limit);
    let ranked =
        close.map(|known| (distance(&name, known), known)).filter(|(distance, _)| *distance <= limit);
    ranked.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// Levenshtein's: how many characters to change, add or remove.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in (1..).zip(a.bytes()) {
        let mut diagonal = core::mem::replace(&mut row[0], i);
        for (j, y) in (1..).zip(b.bytes()) {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j];
            row[j] = change.min(row[j] + 1).min(row[j - 1] + 1);
        }
    }
    row[b.len()]
}
