//! Lanes of vector registers.

use midstride_asm::{Gpr, Xmm};

use super::{B1, B2, B4, B8, B16};
use crate::form::{FIXED, Size, Visit};
use crate::operand::Address;

/// Lines of two vector registers.
macro_rules! pairs {
    ($v:ident: $($xx:ident $mnemonic:literal;)*) => { $(
        $v.line(stringify!($xx), $mnemonic, FIXED, &[B16; 2], |w, _, (d, s): (Xmm, Xmm)| w.$xx(d, s));
    )* };
}
pub(super) use pairs;

/// Lines of two vector registers and a number.
macro_rules! numbered {
    ($v:ident: $($xxi:ident $mnemonic:literal;)*) => { $(
        $v.line(stringify!($xxi), $mnemonic, FIXED, &[B16, B16, B1], |w, _, (d, s, n): (Xmm, Xmm, u8)| w.$xxi(d, s, n));
    )* };
}

/// Lines of a lane that comes from, or goes to, an integer register or memory.
macro_rules! lanes {
    (in $v:ident: $($xxri:ident $xxmi:ident $mnemonic:literal $register:ident $memory:ident;)*) => { $(
        $v.line(stringify!($xxri), $mnemonic, FIXED, &[B16, B16, $register, B1], |w, _, (d, a, b, n): (Xmm, Xmm, Gpr, u8)| w.$xxri(d, a, b, n));
        $v.line(stringify!($xxmi), $mnemonic, FIXED, &[B16, B16, $memory, B1], |w, _, (d, a, b, n): (Xmm, Xmm, Address, u8)| w.$xxmi(d, a, b.mem(), n));
    )* };
    (out $v:ident: $($rxi:ident $mxi:ident $mnemonic:literal $register:ident $memory:ident;)*) => { $(
        $v.line(stringify!($rxi), $mnemonic, FIXED, &[$register, B16, B1], |w, _, (d, s, n): (Gpr, Xmm, u8)| w.$rxi(d, s, n));
        $v.line(stringify!($mxi), $mnemonic, FIXED, &[$memory, B16, B1], |w, _, (d, s, n): (Address, Xmm, u8)| w.$mxi(d.mem(), s, n));
    )* };
}

pub(crate) fn visit(v: &mut impl Visit) {
    numbered! { v:
        vpsllw_xxi "vpsllw";
        vpslld_xxi "vpslld";
        vpsllq_xxi "vpsllq";
        vpsrlw_xxi "vpsrlw";
        vpsrld_xxi "vpsrld";
        vpsrlq_xxi "vpsrlq";
        vpsraw_xxi "vpsraw";
        vpsrad_xxi "vpsrad";
        vpslldq_xxi "vpslldq";
        vpsrldq_xxi "vpsrldq";
        vpshufd_xxi "vpshufd";
        vpshuflw_xxi "vpshuflw";
        vpshufhw_xxi "vpshufhw";
    }
    pairs! { v:
        vpabsb_xx "vpabsb";
        vpabsw_xx "vpabsw";
        vpabsd_xx "vpabsd";
        vptest_xx "vptest";
        vpmovsxbw_xx "vpmovsxbw";
        vpmovzxbw_xx "vpmovzxbw";
        vpmovsxwd_xx "vpmovsxwd";
        vpmovzxwd_xx "vpmovzxwd";
        vpmovsxdq_xx "vpmovsxdq";
        vpmovzxdq_xx "vpmovzxdq";
        vpbroadcastb_xx "vpbroadcastb";
        vpbroadcastw_xx "vpbroadcastw";
        vpbroadcastd_xx "vpbroadcastd";
        vpbroadcastq_xx "vpbroadcastq";
    }
    lanes! { in v:
        vpinsrb_xxri vpinsrb_xxmi "vpinsrb" B4 B1;
        vpinsrw_xxri vpinsrw_xxmi "vpinsrw" B4 B2;
        vpinsrd_xxri vpinsrd_xxmi "vpinsrd" B4 B4;
        vpinsrq_xxri vpinsrq_xxmi "vpinsrq" B8 B8;
    }
    lanes! { out v:
        vpextrb_rxi vpextrb_mxi "vpextrb" B4 B1;
        vpextrw_rxi vpextrw_mxi "vpextrw" B4 B2;
        vpextrd_rxi vpextrd_mxi "vpextrd" B4 B4;
        vpextrq_rxi vpextrq_mxi "vpextrq" B8 B8;
    }
    const SIZES: [Size; 4] = [B16, B16, B16, B1];
    v.line("vpalignr_xxxi", "vpalignr", FIXED, &SIZES, |w, _, (d, a, b, n): (Xmm, Xmm, Xmm, u8)| {
        w.vpalignr_xxxi(d, a, b, n);
    });
    v.line("vpmovmskb_rx", "vpmovmskb", FIXED, &[B4, B16], |w, _, (d, s): (Gpr, Xmm)| w.vpmovmskb_rx(d, s));
}
