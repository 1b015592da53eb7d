//! Data movement.

use midstride_asm::{Gpr, Lock};

use super::{B1, B2, B4, B8, B16, CONDITIONS, OP, UNSAID};
use crate::form::{ANY, FIXED, Visit, WIDE, WORDS};
use crate::operand::Address;
use crate::sample::{Narrow, Wide};

type Rr = (Gpr, Gpr);
type Rm = (Gpr, Address);
type Mr = (Address, Gpr);

pub(crate) fn visit(v: &mut impl Visit) {
    plain_moves(v);
    extensions(v);
    addresses_and_stack(v);
    exchanges(v);
    conditional(v);
    sign_spreads(v);
}

fn plain_moves(v: &mut impl Visit) {
    v.line("mov_rr", "mov", ANY, &[OP, OP], |w, n, (d, s): Rr| w.mov_rr(n, d, s));
    v.line("mov_rm", "mov", ANY, &[OP, OP], |w, n, (d, s): Rm| w.mov_rm(n, d, s.mem()));
    v.line("mov_mr", "mov", ANY, &[OP, OP], |w, n, (d, s): Mr| w.mov_mr(n, d.mem(), s));
    v.line("mov_mi", "mov", ANY, &[OP, OP], |w, n, (d, i): (Address, i32)| w.mov_mi(n, d.mem(), i));
    v.line("movabs", "mov", FIXED, &[B8, B8], |w, _, (d, i): (Gpr, u64)| w.movabs(d, i));
}

fn extensions(v: &mut impl Visit) {
    v.line("movzx_rr8", "movzx", FIXED, &[B4, B1], |w, _, (d, s): Rr| w.movzx_rr8(d, s));
    v.line("movzx_rm8", "movzx", FIXED, &[B4, B1], |w, _, (d, s): Rm| w.movzx_rm8(d, s.mem()));
    v.line("movzx_rr16", "movzx", FIXED, &[B4, B2], |w, _, (d, s): Rr| w.movzx_rr16(d, s));
    v.line("movzx_rm16", "movzx", FIXED, &[B4, B2], |w, _, (d, s): Rm| w.movzx_rm16(d, s.mem()));
    v.line("movsx_rr8", "movsx", WORDS, &[OP, B1], |w, n, (d, s): Rr| w.movsx_rr8(n, d, s));
    v.line("movsx_rm8", "movsx", WORDS, &[OP, B1], |w, n, (d, s): Rm| w.movsx_rm8(n, d, s.mem()));
    v.line("movsx_rr16", "movsx", WIDE, &[OP, B2], |w, n, (d, s): Rr| w.movsx_rr16(n, d, s));
    v.line("movsx_rm16", "movsx", WIDE, &[OP, B2], |w, n, (d, s): Rm| w.movsx_rm16(n, d, s.mem()));
    v.line("movsxd_rr", "movsxd", FIXED, &[B8, B4], |w, _, (d, s): Rr| w.movsxd_rr(d, s));
    v.line("movsxd_rm", "movsxd", FIXED, &[B8, B4], |w, _, (d, s): Rm| w.movsxd_rm(d, s.mem()));
}

fn addresses_and_stack(v: &mut impl Visit) {
    v.line("lea", "lea", WORDS, &[OP, UNSAID], |w, n, (d, s): Rm| w.lea(n, d, s.mem()));
    v.line("push_r", "push", FIXED, &[B8], |w, _, (s,): (Gpr,)| w.push_r(s));
    v.line("push_m", "push", FIXED, &[B8], |w, _, (s,): (Address,)| w.push_m(s.mem()));
    v.line("push_i", "push", FIXED, &[B8], |w, _, (i,): (i32,)| w.push_i(i));
    v.line("pop_r", "pop", FIXED, &[B8], |w, _, (d,): (Gpr,)| w.pop_r(d));
    v.line("pop_m", "pop", FIXED, &[B8], |w, _, (d,): (Address,)| w.pop_m(d.mem()));
    v.line("mov_ri", "mov", FIXED, &[B8, B8], |w, _, (d, i): (Gpr, Wide)| w.mov_ri(d, i.0));
    v.line("mov_ri", "mov", FIXED, &[B4, B4], |w, _, (d, i): (Gpr, Narrow)| w.mov_ri(d, i.0.into()));
}

fn exchanges(v: &mut impl Visit) {
    v.line("xchg_rr", "xchg", ANY, &[OP, OP], |w, n, (a, b): Rr| w.xchg_rr(n, a, b));
    v.line("xchg_rm", "xchg", ANY, &[OP, OP], |w, n, (b, a): Mr| w.xchg_rm(n, a, b.mem()));
    for (lock, prefix) in [(Lock::None, ""), (Lock::Locked, "lock ")] {
        let name = |mnemonic| format!("{prefix}{mnemonic}");
        v.line("xadd_mr", &name("xadd"), ANY, &[OP, OP], |w, n, (d, s): Mr| w.xadd_mr(n, lock, d.mem(), s));
        v.line("cmpxchg_mr", &name("cmpxchg"), ANY, &[OP, OP], |w, n, (d, s): Mr| {
            w.cmpxchg_mr(n, lock, d.mem(), s);
        });
        v.line("cmpxchg8b_m", &name("cmpxchg8b"), FIXED, &[B8], |w, _, (d,): (Address,)| {
            w.cmpxchg8b_m(lock, d.mem());
        });
        v.line("cmpxchg16b_m", &name("cmpxchg16b"), FIXED, &[B16], |w, _, (d,): (Address,)| {
            w.cmpxchg16b_m(lock, d.mem());
        });
    }
    v.line("bswap_r", "bswap", WIDE, &[OP], |w, n, (d,): (Gpr,)| w.bswap_r(n, d));
}

fn conditional(v: &mut impl Visit) {
    for (cond, suffix) in CONDITIONS {
        let (cmov, set) = (format!("cmov{suffix}"), format!("set{suffix}"));
        v.line("cmov_rr", &cmov, WORDS, &[OP, OP], |w, n, (d, s): Rr| w.cmov_rr(n, cond, d, s));
        v.line("cmov_rm", &cmov, WORDS, &[OP, OP], |w, n, (d, s): Rm| w.cmov_rm(n, cond, d, s.mem()));
        v.line("setcc_r", &set, FIXED, &[B1], |w, _, (d,): (Gpr,)| w.setcc_r(cond, d));
        v.line("setcc_m", &set, FIXED, &[B1], |w, _, (d,): (Address,)| w.setcc_m(cond, d.mem()));
    }
}

fn sign_spreads(v: &mut impl Visit) {
    v.plain("cbw", "cbw", |w| w.cbw());
    v.plain("cwde", "cwde", |w| w.cwde());
    v.plain("cdqe", "cdqe", |w| w.cdqe());
    v.plain("cwd", "cwd", |w| w.cwd());
    v.plain("cdq", "cdq", |w| w.cdq());
    v.plain("cqo", "cqo", |w| w.cqo());
}
