//! Integer arithmetic and logic.

use midstride_asm::{Alu, Gpr};

use super::OP;
use crate::form::{ANY, Visit, WORDS};
use crate::operand::Address;

type R = (Gpr,);
type M = (Address,);
type Rr = (Gpr, Gpr);
type Rm = (Gpr, Address);
type Mr = (Address, Gpr);
type Ri = (Gpr, i32);
type Mi = (Address, i32);

const OPERATIONS: [(Alu, &str); 8] = [
    (Alu::Add, "add"),
    (Alu::Or, "or"),
    (Alu::Adc, "adc"),
    (Alu::Sbb, "sbb"),
    (Alu::And, "and"),
    (Alu::Sub, "sub"),
    (Alu::Xor, "xor"),
    (Alu::Cmp, "cmp"),
];

pub(crate) fn visit(v: &mut impl Visit) {
    for (op, name) in OPERATIONS {
        two_operands(v, op, name);
        if op != Alu::Cmp {
            locked(v, op, &format!("lock {name}"));
        }
    }
    tests(v);
    one_operand(v);
    multiplications(v);
    products(v);
}

fn two_operands(v: &mut impl Visit, op: Alu, name: &str) {
    v.line("alu_rr", name, ANY, &[OP, OP], |w, n, (d, s): Rr| w.alu_rr(n, op, d, s));
    v.line("alu_rm", name, ANY, &[OP, OP], |w, n, (d, s): Rm| w.alu_rm(n, op, d, s.mem()));
    v.line("alu_mr", name, ANY, &[OP, OP], |w, n, (d, s): Mr| w.alu_mr(n, op, d.mem(), s));
    v.line("alu_ri", name, ANY, &[OP, OP], |w, n, (d, i): Ri| w.alu_ri(n, op, d, i));
    v.line("alu_mi", name, ANY, &[OP, OP], |w, n, (d, i): Mi| w.alu_mi(n, op, d.mem(), i));
}

fn locked(v: &mut impl Visit, op: Alu, name: &str) {
    v.line("lock_alu_mr", name, ANY, &[OP, OP], |w, n, (d, s): Mr| w.lock_alu_mr(n, op, d.mem(), s));
    v.line("lock_alu_mi", name, ANY, &[OP, OP], |w, n, (d, i): Mi| w.lock_alu_mi(n, op, d.mem(), i));
}

fn tests(v: &mut impl Visit) {
    v.line("test_rr", "test", ANY, &[OP, OP], |w, n, (a, b): Rr| w.test_rr(n, a, b));
    v.line("test_mr", "test", ANY, &[OP, OP], |w, n, (a, b): Mr| w.test_mr(n, a.mem(), b));
    v.line("test_ri", "test", ANY, &[OP, OP], |w, n, (a, i): Ri| w.test_ri(n, a, i));
    v.line("test_mi", "test", ANY, &[OP, OP], |w, n, (a, i): Mi| w.test_mi(n, a.mem(), i));
}

fn one_operand(v: &mut impl Visit) {
    v.line("inc_r", "inc", ANY, &[OP], |w, n, (d,): R| w.inc_r(n, d));
    v.line("inc_m", "inc", ANY, &[OP], |w, n, (d,): M| w.inc_m(n, d.mem()));
    v.line("dec_r", "dec", ANY, &[OP], |w, n, (d,): R| w.dec_r(n, d));
    v.line("dec_m", "dec", ANY, &[OP], |w, n, (d,): M| w.dec_m(n, d.mem()));
    v.line("lock_inc_m", "lock inc", ANY, &[OP], |w, n, (d,): M| w.lock_inc_m(n, d.mem()));
    v.line("lock_dec_m", "lock dec", ANY, &[OP], |w, n, (d,): M| w.lock_dec_m(n, d.mem()));
    v.line("not_r", "not", ANY, &[OP], |w, n, (d,): R| w.not_r(n, d));
    v.line("not_m", "not", ANY, &[OP], |w, n, (d,): M| w.not_m(n, d.mem()));
    v.line("neg_r", "neg", ANY, &[OP], |w, n, (d,): R| w.neg_r(n, d));
    v.line("neg_m", "neg", ANY, &[OP], |w, n, (d,): M| w.neg_m(n, d.mem()));
}

fn multiplications(v: &mut impl Visit) {
    v.line("mul_r", "mul", ANY, &[OP], |w, n, (s,): R| w.mul_r(n, s));
    v.line("mul_m", "mul", ANY, &[OP], |w, n, (s,): M| w.mul_m(n, s.mem()));
    v.line("imul_r", "imul", ANY, &[OP], |w, n, (s,): R| w.imul_r(n, s));
    v.line("imul_m", "imul", ANY, &[OP], |w, n, (s,): M| w.imul_m(n, s.mem()));
    v.line("div_r", "div", ANY, &[OP], |w, n, (s,): R| w.div_r(n, s));
    v.line("div_m", "div", ANY, &[OP], |w, n, (s,): M| w.div_m(n, s.mem()));
    v.line("idiv_r", "idiv", ANY, &[OP], |w, n, (s,): R| w.idiv_r(n, s));
    v.line("idiv_m", "idiv", ANY, &[OP], |w, n, (s,): M| w.idiv_m(n, s.mem()));
}

fn products(v: &mut impl Visit) {
    v.line("imul_rr", "imul", WORDS, &[OP, OP], |w, n, (d, s): Rr| w.imul_rr(n, d, s));
    v.line("imul_rm", "imul", WORDS, &[OP, OP], |w, n, (d, s): Rm| w.imul_rm(n, d, s.mem()));
    v.line("imul_rri", "imul", WORDS, &[OP, OP, OP], |w, n, (d, s, i): (Gpr, Gpr, i32)| {
        w.imul_rri(n, d, s, i);
    });
    v.line("imul_rmi", "imul", WORDS, &[OP, OP, OP], |w, n, (d, s, i): (Gpr, Address, i32)| {
        w.imul_rmi(n, d, s.mem(), i);
    });
}
