//! Scalar floating point.

use midstride_asm::{FloatCompare, Gpr, Rounding, Xmm};

use super::{B1, B4, B8, B16, OP};
use crate::form::{FIXED, Visit, WIDE};
use crate::operand::Address;

type Xx = (Xmm, Xmm);
type Xm = (Xmm, Address);
type Xr = (Xmm, Gpr);
type Rx = (Gpr, Xmm);
type Rm = (Gpr, Address);

/// Lines of two vector registers or a vector register and memory of some size.
macro_rules! pairs {
    ($v:ident: $($xx:ident $xm:ident $mnemonic:literal $memory:ident;)*) => { $(
        $v.line(stringify!($xx), $mnemonic, FIXED, &[B16, B16], |w, _, (d, s): Xx| w.$xx(d, s));
        $v.line(stringify!($xm), $mnemonic, FIXED, &[B16, $memory], |w, _, (d, s): Xm| w.$xm(d, s.mem()));
    )* };
}

/// The same with a selector in the immediate.
macro_rules! pairs_with {
    ($v:ident, $selector:ty: $($xxi:ident $xmi:ident $mnemonic:literal $memory:ident;)*) => { $(
        $v.line(stringify!($xxi), $mnemonic, FIXED, &[B16, B16, B1], |w, _, (d, s, i): (Xmm, Xmm, $selector)| {
            w.$xxi(d, s, i);
        });
        $v.line(stringify!($xmi), $mnemonic, FIXED, &[B16, $memory, B1], |w, _, (d, s, i): (Xmm, Address, $selector)| {
            w.$xmi(d, s.mem(), i);
        });
    )* };
}

/// Lines from an integer register or memory.
macro_rules! from_integers {
    ($v:ident: $($xr:ident $xm:ident $mnemonic:literal;)*) => { $(
        $v.line(stringify!($xr), $mnemonic, WIDE, &[B16, OP], |w, n, (d, s): Xr| w.$xr(n, d, s));
        $v.line(stringify!($xm), $mnemonic, WIDE, &[B16, OP], |w, n, (d, s): Xm| w.$xm(n, d, s.mem()));
    )* };
}

/// Lines to an integer register.
macro_rules! to_integers {
    ($v:ident: $($rx:ident $rm:ident $mnemonic:literal $memory:ident;)*) => { $(
        $v.line(stringify!($rx), $mnemonic, WIDE, &[OP, B16], |w, n, (d, s): Rx| w.$rx(n, d, s));
        $v.line(stringify!($rm), $mnemonic, WIDE, &[OP, $memory], |w, n, (d, s): Rm| w.$rm(n, d, s.mem()));
    )* };
}

pub(crate) fn visit(v: &mut impl Visit) {
    arithmetic(v);
    comparisons(v);
    conversions(v);
}

fn arithmetic(v: &mut impl Visit) {
    pairs! { v:
        addss_xx addss_xm "addss" B4;
        addsd_xx addsd_xm "addsd" B8;
        mulss_xx mulss_xm "mulss" B4;
        mulsd_xx mulsd_xm "mulsd" B8;
        subss_xx subss_xm "subss" B4;
        subsd_xx subsd_xm "subsd" B8;
        divss_xx divss_xm "divss" B4;
        divsd_xx divsd_xm "divsd" B8;
        minss_xx minss_xm "minss" B4;
        minsd_xx minsd_xm "minsd" B8;
        maxss_xx maxss_xm "maxss" B4;
        maxsd_xx maxsd_xm "maxsd" B8;
        sqrtss_xx sqrtss_xm "sqrtss" B4;
        sqrtsd_xx sqrtsd_xm "sqrtsd" B8;
    }
}

fn comparisons(v: &mut impl Visit) {
    pairs! { v:
        ucomiss_xx ucomiss_xm "ucomiss" B4;
        ucomisd_xx ucomisd_xm "ucomisd" B8;
        comiss_xx comiss_xm "comiss" B4;
        comisd_xx comisd_xm "comisd" B8;
    }
    pairs_with! { v, FloatCompare:
        cmpss_xxi cmpss_xmi "cmpss" B4;
        cmpsd_xxi cmpsd_xmi "cmpsd" B8;
    }
}

fn conversions(v: &mut impl Visit) {
    pairs! { v:
        cvtss2sd_xx cvtss2sd_xm "cvtss2sd" B4;
        cvtsd2ss_xx cvtsd2ss_xm "cvtsd2ss" B8;
    }
    from_integers! { v:
        cvtsi2ss_xr cvtsi2ss_xm "cvtsi2ss";
        cvtsi2sd_xr cvtsi2sd_xm "cvtsi2sd";
    }
    to_integers! { v:
        cvttss2si_rx cvttss2si_rm "cvttss2si" B4;
        cvtss2si_rx cvtss2si_rm "cvtss2si" B4;
        cvttsd2si_rx cvttsd2si_rm "cvttsd2si" B8;
        cvtsd2si_rx cvtsd2si_rm "cvtsd2si" B8;
    }
    pairs_with! { v, Rounding:
        roundss_xxi roundss_xmi "roundss" B4;
        roundsd_xxi roundsd_xmi "roundsd" B8;
    }
}
