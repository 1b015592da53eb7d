//! Shifts, bit tests, bit counts and BMI.

use midstride_asm::{Gpr, Shift};

use super::{B1, OP};
use crate::form::{ANY, Visit, WIDE, WORDS};
use crate::operand::Address;
use crate::sample::Cl;

type Rr = (Gpr, Gpr);
type Rm = (Gpr, Address);
type Mr = (Address, Gpr);
type Rc = (Gpr, u8);
type Mc = (Address, u8);
type Rrr = (Gpr, Gpr, Gpr);
type Rrm = (Gpr, Gpr, Address);
type Rmr = (Gpr, Address, Gpr);
type Rrc = (Gpr, Gpr, u8);

const SHIFTS: [(Shift, &str); 7] = [
    (Shift::Rol, "rol"),
    (Shift::Ror, "ror"),
    (Shift::Rcl, "rcl"),
    (Shift::Rcr, "rcr"),
    (Shift::Shl, "shl"),
    (Shift::Shr, "shr"),
    (Shift::Sar, "sar"),
];

pub(crate) fn visit(v: &mut impl Visit) {
    SHIFTS.into_iter().for_each(|(op, name)| shifts(v, op, name));
    double_shifts(v);
    bit_tests(v);
    bit_changes(v);
    counts(v);
    bmi_logic(v);
    bmi_shifts(v);
}

fn shifts(v: &mut impl Visit, op: Shift, name: &str) {
    v.line("shift_ri", name, ANY, &[OP, B1], |w, n, (d, i): Rc| w.shift_ri(n, op, d, i));
    v.line("shift_mi", name, ANY, &[OP, B1], |w, n, (d, i): Mc| w.shift_mi(n, op, d.mem(), i));
    v.line("shift_rcl", name, ANY, &[OP, B1], |w, n, (d, Cl): (Gpr, Cl)| w.shift_rcl(n, op, d));
    v.line("shift_mcl", name, ANY, &[OP, B1], |w, n, (d, Cl): (Address, Cl)| w.shift_mcl(n, op, d.mem()));
}

fn double_shifts(v: &mut impl Visit) {
    v.line("shld_rri", "shld", WORDS, &[OP, OP, B1], |w, n, (d, s, i): Rrc| w.shld_rri(n, d, s, i));
    v.line("shrd_rri", "shrd", WORDS, &[OP, OP, B1], |w, n, (d, s, i): Rrc| w.shrd_rri(n, d, s, i));
}

fn bit_tests(v: &mut impl Visit) {
    v.line("bt_ri", "bt", WORDS, &[OP, B1], |w, n, (s, i): Rc| w.bt_ri(n, s, i));
    v.line("bt_mi", "bt", WORDS, &[OP, B1], |w, n, (s, i): Mc| w.bt_mi(n, s.mem(), i));
    v.line("bt_rr", "bt", WORDS, &[OP, OP], |w, n, (s, b): Rr| w.bt_rr(n, s, b));
    v.line("bt_mr", "bt", WORDS, &[OP, OP], |w, n, (s, b): Mr| w.bt_mr(n, s.mem(), b));
}

fn bit_changes(v: &mut impl Visit) {
    v.line("bts_ri", "bts", WORDS, &[OP, B1], |w, n, (d, i): Rc| w.bts_ri(n, d, i));
    v.line("bts_mi", "bts", WORDS, &[OP, B1], |w, n, (d, i): Mc| w.bts_mi(n, d.mem(), i));
    v.line("bts_rr", "bts", WORDS, &[OP, OP], |w, n, (d, b): Rr| w.bts_rr(n, d, b));
    v.line("bts_mr", "bts", WORDS, &[OP, OP], |w, n, (d, b): Mr| w.bts_mr(n, d.mem(), b));
    v.line("lock_bts_mr", "lock bts", WORDS, &[OP, OP], |w, n, (d, b): Mr| w.lock_bts_mr(n, d.mem(), b));
    v.line("btr_ri", "btr", WORDS, &[OP, B1], |w, n, (d, i): Rc| w.btr_ri(n, d, i));
    v.line("btr_mi", "btr", WORDS, &[OP, B1], |w, n, (d, i): Mc| w.btr_mi(n, d.mem(), i));
    v.line("btr_rr", "btr", WORDS, &[OP, OP], |w, n, (d, b): Rr| w.btr_rr(n, d, b));
    v.line("btr_mr", "btr", WORDS, &[OP, OP], |w, n, (d, b): Mr| w.btr_mr(n, d.mem(), b));
    v.line("btc_ri", "btc", WORDS, &[OP, B1], |w, n, (d, i): Rc| w.btc_ri(n, d, i));
    v.line("btc_mi", "btc", WORDS, &[OP, B1], |w, n, (d, i): Mc| w.btc_mi(n, d.mem(), i));
}

fn counts(v: &mut impl Visit) {
    v.line("bsf_rr", "bsf", WORDS, &[OP, OP], |w, n, (d, s): Rr| w.bsf_rr(n, d, s));
    v.line("bsf_rm", "bsf", WORDS, &[OP, OP], |w, n, (d, s): Rm| w.bsf_rm(n, d, s.mem()));
    v.line("bsr_rr", "bsr", WORDS, &[OP, OP], |w, n, (d, s): Rr| w.bsr_rr(n, d, s));
    v.line("bsr_rm", "bsr", WORDS, &[OP, OP], |w, n, (d, s): Rm| w.bsr_rm(n, d, s.mem()));
    v.line("tzcnt_rr", "tzcnt", WORDS, &[OP, OP], |w, n, (d, s): Rr| w.tzcnt_rr(n, d, s));
    v.line("tzcnt_rm", "tzcnt", WORDS, &[OP, OP], |w, n, (d, s): Rm| w.tzcnt_rm(n, d, s.mem()));
    v.line("lzcnt_rr", "lzcnt", WORDS, &[OP, OP], |w, n, (d, s): Rr| w.lzcnt_rr(n, d, s));
    v.line("lzcnt_rm", "lzcnt", WORDS, &[OP, OP], |w, n, (d, s): Rm| w.lzcnt_rm(n, d, s.mem()));
    v.line("popcnt_rr", "popcnt", WORDS, &[OP, OP], |w, n, (d, s): Rr| w.popcnt_rr(n, d, s));
    v.line("popcnt_rm", "popcnt", WORDS, &[OP, OP], |w, n, (d, s): Rm| w.popcnt_rm(n, d, s.mem()));
}

fn bmi_logic(v: &mut impl Visit) {
    v.line("andn_rrr", "andn", WIDE, &[OP, OP, OP], |w, n, (d, a, b): Rrr| w.andn_rrr(n, d, a, b));
    v.line("andn_rrm", "andn", WIDE, &[OP, OP, OP], |w, n, (d, a, b): Rrm| w.andn_rrm(n, d, a, b.mem()));
    v.line("pdep_rrr", "pdep", WIDE, &[OP, OP, OP], |w, n, (d, a, b): Rrr| w.pdep_rrr(n, d, a, b));
    v.line("pdep_rrm", "pdep", WIDE, &[OP, OP, OP], |w, n, (d, a, b): Rrm| w.pdep_rrm(n, d, a, b.mem()));
    v.line("pext_rrr", "pext", WIDE, &[OP, OP, OP], |w, n, (d, a, b): Rrr| w.pext_rrr(n, d, a, b));
    v.line("pext_rrm", "pext", WIDE, &[OP, OP, OP], |w, n, (d, a, b): Rrm| w.pext_rrm(n, d, a, b.mem()));
}

fn bmi_shifts(v: &mut impl Visit) {
    v.line("shlx_rrr", "shlx", WIDE, &[OP, OP, OP], |w, n, (d, s, c): Rrr| w.shlx_rrr(n, d, s, c));
    v.line("shlx_rmr", "shlx", WIDE, &[OP, OP, OP], |w, n, (d, s, c): Rmr| w.shlx_rmr(n, d, s.mem(), c));
    v.line("shrx_rrr", "shrx", WIDE, &[OP, OP, OP], |w, n, (d, s, c): Rrr| w.shrx_rrr(n, d, s, c));
    v.line("shrx_rmr", "shrx", WIDE, &[OP, OP, OP], |w, n, (d, s, c): Rmr| w.shrx_rmr(n, d, s.mem(), c));
    v.line("sarx_rrr", "sarx", WIDE, &[OP, OP, OP], |w, n, (d, s, c): Rrr| w.sarx_rrr(n, d, s, c));
    v.line("sarx_rmr", "sarx", WIDE, &[OP, OP, OP], |w, n, (d, s, c): Rmr| w.sarx_rmr(n, d, s.mem(), c));
    v.line("rorx_rri", "rorx", WIDE, &[OP, OP, B1], |w, n, (d, s, i): Rrc| w.rorx_rri(n, d, s, i));
    v.line("rorx_rmi", "rorx", WIDE, &[OP, OP, B1], |w, n, (d, s, i): (Gpr, Address, u8)| {
        w.rorx_rmi(n, d, s.mem(), i);
    });
}
