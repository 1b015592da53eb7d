//! Flags, strings, processor state.

use midstride_asm::Gpr;

use super::{B2, B4, B8, UNSAID};
use crate::form::{FIXED, Visit};
use crate::operand::Address;

type R = (Gpr,);
type M = (Address,);

pub(crate) fn visit(v: &mut impl Visit) {
    flags(v);
    strings(v);
    processor(v);
    segment_bases(v);
    saved_state(v);
    control_words(v);
}

fn flags(v: &mut impl Visit) {
    v.plain("pushfq", "pushfq", |w| w.pushfq());
    v.plain("popfq", "popfq", |w| w.popfq());
    v.plain("lahf", "lahf", |w| w.lahf());
    v.plain("sahf", "sahf", |w| w.sahf());
    v.plain("cmc", "cmc", |w| w.cmc());
    v.plain("clc", "clc", |w| w.clc());
    v.plain("stc", "stc", |w| w.stc());
    v.plain("cld", "cld", |w| w.cld());
    v.plain("std", "std", |w| w.std());
}

fn strings(v: &mut impl Visit) {
    v.plain("rep_movsb", "rep movsb", |w| w.rep_movsb());
    v.plain("rep_movsq", "rep movsq", |w| w.rep_movsq());
    v.plain("rep_stosb", "rep stosb", |w| w.rep_stosb());
    v.plain("rep_stosq", "rep stosq", |w| w.rep_stosq());
    v.plain("movsb", "movsb", |w| w.movsb());
    v.plain("movsq", "movsq", |w| w.movsq());
    v.plain("stosb", "stosb", |w| w.stosb());
    v.plain("stosq", "stosq", |w| w.stosq());
}

fn processor(v: &mut impl Visit) {
    v.plain("cpuid", "cpuid", |w| w.cpuid());
    v.plain("rdtsc", "rdtsc", |w| w.rdtsc());
    v.plain("xgetbv", "xgetbv", |w| w.xgetbv());
    v.plain("pause", "pause", |w| w.pause());
    v.plain("endbr64", "endbr64", |w| w.endbr64());
    v.plain("lfence", "lfence", |w| w.lfence());
    v.plain("mfence", "mfence", |w| w.mfence());
    v.plain("sfence", "sfence", |w| w.sfence());
    v.line("prefetcht0", "prefetcht0", FIXED, &[UNSAID], |w, _, (s,): M| w.prefetcht0(s.mem()));
}

fn segment_bases(v: &mut impl Visit) {
    v.line("rdfsbase", "rdfsbase", FIXED, &[B8], |w, _, (d,): R| w.rdfsbase(d));
    v.line("rdgsbase", "rdgsbase", FIXED, &[B8], |w, _, (d,): R| w.rdgsbase(d));
    v.line("wrfsbase", "wrfsbase", FIXED, &[B8], |w, _, (s,): R| w.wrfsbase(s));
    v.line("wrgsbase", "wrgsbase", FIXED, &[B8], |w, _, (s,): R| w.wrgsbase(s));
}

fn saved_state(v: &mut impl Visit) {
    v.line("fxsave64", "fxsave64", FIXED, &[UNSAID], |w, _, (d,): M| w.fxsave64(d.mem()));
    v.line("fxrstor64", "fxrstor64", FIXED, &[UNSAID], |w, _, (s,): M| w.fxrstor64(s.mem()));
    v.line("xsave64", "xsave64", FIXED, &[UNSAID], |w, _, (d,): M| w.xsave64(d.mem()));
    v.line("xsaveopt64", "xsaveopt64", FIXED, &[UNSAID], |w, _, (d,): M| w.xsaveopt64(d.mem()));
    v.line("xsavec64", "xsavec64", FIXED, &[UNSAID], |w, _, (d,): M| w.xsavec64(d.mem()));
    v.line("xrstor64", "xrstor64", FIXED, &[UNSAID], |w, _, (s,): M| w.xrstor64(s.mem()));
}

fn control_words(v: &mut impl Visit) {
    v.line("ldmxcsr", "ldmxcsr", FIXED, &[B4], |w, _, (s,): M| w.ldmxcsr(s.mem()));
    v.line("stmxcsr", "stmxcsr", FIXED, &[B4], |w, _, (d,): M| w.stmxcsr(d.mem()));
    v.line("fldcw", "fldcw", FIXED, &[B2], |w, _, (s,): M| w.fldcw(s.mem()));
    v.line("fnstcw", "fnstcw", FIXED, &[B2], |w, _, (d,): M| w.fnstcw(d.mem()));
}
