//! Moves of vector registers.

use midstride_asm::{Gpr, Xmm};

use super::{B4, B8, B16};
use crate::form::{FIXED, Visit};
use crate::operand::Address;

type Xx = (Xmm, Xmm);
type Xm = (Xmm, Address);
type Mx = (Address, Xmm);

pub(crate) fn visit(v: &mut impl Visit) {
    whole(v);
    aligned(v);
    low_parts(v);
    between_files(v);
    logic(v);
}

fn whole(v: &mut impl Visit) {
    v.line("movdqu_xx", "movdqu", FIXED, &[B16, B16], |w, _, (d, s): Xx| w.movdqu_xx(d, s));
    v.line("movdqu_xm", "movdqu", FIXED, &[B16, B16], |w, _, (d, s): Xm| w.movdqu_xm(d, s.mem()));
    v.line("movdqu_mx", "movdqu", FIXED, &[B16, B16], |w, _, (d, s): Mx| w.movdqu_mx(d.mem(), s));
    v.line("movups_xx", "movups", FIXED, &[B16, B16], |w, _, (d, s): Xx| w.movups_xx(d, s));
    v.line("movups_xm", "movups", FIXED, &[B16, B16], |w, _, (d, s): Xm| w.movups_xm(d, s.mem()));
    v.line("movups_mx", "movups", FIXED, &[B16, B16], |w, _, (d, s): Mx| w.movups_mx(d.mem(), s));
}

fn aligned(v: &mut impl Visit) {
    v.line("movdqa_xx", "movdqa", FIXED, &[B16, B16], |w, _, (d, s): Xx| w.movdqa_xx(d, s));
    v.line("movdqa_xm", "movdqa", FIXED, &[B16, B16], |w, _, (d, s): Xm| w.movdqa_xm(d, s.mem()));
    v.line("movdqa_mx", "movdqa", FIXED, &[B16, B16], |w, _, (d, s): Mx| w.movdqa_mx(d.mem(), s));
    v.line("movaps_xx", "movaps", FIXED, &[B16, B16], |w, _, (d, s): Xx| w.movaps_xx(d, s));
    v.line("movaps_xm", "movaps", FIXED, &[B16, B16], |w, _, (d, s): Xm| w.movaps_xm(d, s.mem()));
    v.line("movaps_mx", "movaps", FIXED, &[B16, B16], |w, _, (d, s): Mx| w.movaps_mx(d.mem(), s));
}

fn low_parts(v: &mut impl Visit) {
    v.line("movq_xx", "movq", FIXED, &[B16, B16], |w, _, (d, s): Xx| w.movq_xx(d, s));
    v.line("movss_xx", "movss", FIXED, &[B16, B16], |w, _, (d, s): Xx| w.movss_xx(d, s));
    v.line("movsd_xx", "movsd", FIXED, &[B16, B16], |w, _, (d, s): Xx| w.movsd_xx(d, s));
    v.line("movq_xm", "movq", FIXED, &[B16, B8], |w, _, (d, s): Xm| w.movq_xm(d, s.mem()));
    v.line("movq_mx", "movq", FIXED, &[B8, B16], |w, _, (d, s): Mx| w.movq_mx(d.mem(), s));
    v.line("movss_xm", "movss", FIXED, &[B16, B4], |w, _, (d, s): Xm| w.movss_xm(d, s.mem()));
    v.line("movss_mx", "movss", FIXED, &[B4, B16], |w, _, (d, s): Mx| w.movss_mx(d.mem(), s));
    v.line("movsd_xm", "movsd", FIXED, &[B16, B8], |w, _, (d, s): Xm| w.movsd_xm(d, s.mem()));
    v.line("movsd_mx", "movsd", FIXED, &[B8, B16], |w, _, (d, s): Mx| w.movsd_mx(d.mem(), s));
}

fn between_files(v: &mut impl Visit) {
    v.line("movd_xr", "movd", FIXED, &[B16, B4], |w, _, (d, s): (Xmm, Gpr)| w.movd_xr(d, s));
    v.line("movd_rx", "movd", FIXED, &[B4, B16], |w, _, (d, s): (Gpr, Xmm)| w.movd_rx(d, s));
    v.line("movq_xr", "movq", FIXED, &[B16, B8], |w, _, (d, s): (Xmm, Gpr)| w.movq_xr(d, s));
    v.line("movq_rx", "movq", FIXED, &[B8, B16], |w, _, (d, s): (Gpr, Xmm)| w.movq_rx(d, s));
}

/// Lines of two vector registers or a vector register and 16 bytes of memory.
macro_rules! pairs {
    ($v:ident: $($xx:ident $xm:ident $mnemonic:literal;)*) => { $(
        $v.line(stringify!($xx), $mnemonic, FIXED, &[B16, B16], |w, _, (d, s): Xx| w.$xx(d, s));
        $v.line(stringify!($xm), $mnemonic, FIXED, &[B16, B16], |w, _, (d, s): Xm| w.$xm(d, s.mem()));
    )* };
}

fn logic(v: &mut impl Visit) {
    pairs! { v:
        andps_xx andps_xm "andps";
        andnps_xx andnps_xm "andnps";
        orps_xx orps_xm "orps";
        xorps_xx xorps_xm "xorps";
        andpd_xx andpd_xm "andpd";
        andnpd_xx andnpd_xm "andnpd";
        orpd_xx orpd_xm "orpd";
        xorpd_xx xorpd_xm "xorpd";
        pand_xx pand_xm "pand";
        pandn_xx pandn_xm "pandn";
        por_xx por_xm "por";
        pxor_xx pxor_xm "pxor";
    }
    v.line("movmskps_rx", "movmskps", FIXED, &[B4, B16], |w, _, (d, s): (Gpr, Xmm)| w.movmskps_rx(d, s));
    v.line("movmskpd_rx", "movmskpd", FIXED, &[B4, B16], |w, _, (d, s): (Gpr, Xmm)| w.movmskpd_rx(d, s));
}
