//! Scalar floating point with a destination of its own.

use midstride_asm::Xmm;

use super::{B4, B8, B16};
use crate::form::{FIXED, Visit};
use crate::operand::Address;

/// Lines of three vector registers or two and memory of some size.
macro_rules! triples {
    ($v:ident: $($xxx:ident $xxm:ident $mnemonic:literal $memory:ident;)*) => { $(
        $v.line(stringify!($xxx), $mnemonic, FIXED, &[B16; 3], |w, _, (d, a, b): (Xmm, Xmm, Xmm)| {
            w.$xxx(d, a, b);
        });
        $v.line(stringify!($xxm), $mnemonic, FIXED, &[B16, B16, $memory], |w, _, (d, a, b): (Xmm, Xmm, Address)| {
            w.$xxm(d, a, b.mem());
        });
    )* };
}

pub(crate) fn visit(v: &mut impl Visit) {
    triples! { v:
        vaddss_xxx vaddss_xxm "vaddss" B4;
        vaddsd_xxx vaddsd_xxm "vaddsd" B8;
        vmulss_xxx vmulss_xxm "vmulss" B4;
        vmulsd_xxx vmulsd_xxm "vmulsd" B8;
        vsubss_xxx vsubss_xxm "vsubss" B4;
        vsubsd_xxx vsubsd_xxm "vsubsd" B8;
        vdivss_xxx vdivss_xxm "vdivss" B4;
        vdivsd_xxx vdivsd_xxm "vdivsd" B8;
        vminss_xxx vminss_xxm "vminss" B4;
        vminsd_xxx vminsd_xxm "vminsd" B8;
        vmaxss_xxx vmaxss_xxm "vmaxss" B4;
        vmaxsd_xxx vmaxsd_xxm "vmaxsd" B8;
        vsqrtss_xxx vsqrtss_xxm "vsqrtss" B4;
        vsqrtsd_xxx vsqrtsd_xxm "vsqrtsd" B8;
    }
    v.plain("vzeroupper", "vzeroupper", |w| w.vzeroupper());
}
