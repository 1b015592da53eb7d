//! Transfers of control.

use midstride_addr::CachePc;
use midstride_asm::{Gpr, Label, Writer};

use super::{B2, B8, CONDITIONS, UNSAID};
use crate::form::{FIXED, Visit};
use crate::operand::Address;
use crate::sample::{Here, HereAddress, Target};

type R = (Gpr,);
type M = (Address,);

pub(crate) fn visit(v: &mut impl Visit) {
    through_operands(v);
    ends(v);
    to_addresses(v);
    to_labels(v);
    to_labels_nearby(v);
    for (cond, suffix) in CONDITIONS {
        let name = format!("j{suffix}");
        v.line("jcc_to", &name, FIXED, &[UNSAID], |w, _, (to,): (Target,)| w.jcc_to(cond, to.at()));
        v.line("jcc_patchable", &name, FIXED, &[UNSAID], |w, _, (to,): (Target,)| {
            w.jcc_patchable(cond, to.at());
        });
        v.line("jcc", &name, FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.jcc(cond, l)));
        v.line("jcc_short", &name, FIXED, &[UNSAID], |w, _, (Here,)| {
            to_itself(w, |w, l| w.jcc_short(cond, l));
        });
    }
}

fn through_operands(v: &mut impl Visit) {
    v.line("jmp_r", "jmp", FIXED, &[B8], |w, _, (t,): R| w.jmp_r(t));
    v.line("jmp_m", "jmp", FIXED, &[B8], |w, _, (t,): M| w.jmp_m(t.mem()));
    v.line("call_r", "call", FIXED, &[B8], |w, _, (t,): R| w.call_r(t));
    v.line("call_m", "call", FIXED, &[B8], |w, _, (t,): M| w.call_m(t.mem()));
}

fn ends(v: &mut impl Visit) {
    v.plain("ret", "ret", |w| w.ret());
    v.line("ret_i", "ret", FIXED, &[B2], |w, _, (n,): (u16,)| w.ret_i(n));
    v.plain("int3", "int3", |w| w.int3());
    v.plain("ud2", "ud2", |w| w.ud2());
    v.plain("syscall", "syscall", |w| w.syscall());
}

fn to_addresses(v: &mut impl Visit) {
    v.line("jmp_to", "jmp", FIXED, &[UNSAID], |w, _, (to,): (Target,)| w.jmp_to(to.at()));
    v.line("call_to", "call", FIXED, &[UNSAID], |w, _, (to,): (Target,)| w.call_to(to.at()));
    v.line("jmp_patchable", "jmp", FIXED, &[UNSAID], |w, _, (to,): (Target,)| {
        w.jmp_patchable(to.at());
    });
    v.line("call_patchable", "call", FIXED, &[UNSAID], |w, _, (to,): (Target,)| {
        w.call_patchable(to.at());
    });
    v.line("jmp_nop_patchable", "jmp", FIXED, &[UNSAID], |w, _, (to,): (Target,)| {
        w.jmp_nop_patchable(to.at());
    });
}

fn to_labels(v: &mut impl Visit) {
    v.line("jmp", "jmp", FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.jmp(l)));
    v.line("call", "call", FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.call(l)));
    v.line("lea_label", "lea", FIXED, &[B8, UNSAID], |w, _, (d, HereAddress): (Gpr, HereAddress)| {
        to_itself(w, |w, l| w.lea_label(d, l));
    });
}

fn to_labels_nearby(v: &mut impl Visit) {
    v.line("jmp_short", "jmp", FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.jmp_short(l)));
    v.line("jrcxz", "jrcxz", FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.jrcxz(l)));
    v.line("jecxz", "jecxz", FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.jecxz(l)));
    v.line("loop_", "loop", FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.loop_(l)));
    v.line("loope", "loope", FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.loope(l)));
    v.line("loopne", "loopne", FIXED, &[UNSAID], |w, _, (Here,)| to_itself(w, |w, l| w.loopne(l)));
}

/// Emits a branch whose label is the branch itself.
fn to_itself(w: &mut Writer<'_>, emit: impl Fn(&mut Writer<'_>, Label)) {
    let here = w.new_label();
    w.bind(here);
    emit(w, here);
}

impl Target {
    fn at(self) -> CachePc {
        CachePc::new(self.0)
    }
}
