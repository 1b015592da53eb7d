//! Arithmetic on all lanes, integers.

use midstride_asm::Xmm;

use super::B16;
use crate::form::{FIXED, Visit};

/// Lines of three vector registers.
macro_rules! triples {
    ($v:ident: $($xxx:ident $mnemonic:literal;)*) => { $(
        $v.line(stringify!($xxx), $mnemonic, FIXED, &[B16; 3], |w, _, (d, a, b): (Xmm, Xmm, Xmm)| w.$xxx(d, a, b));
    )* };
}
pub(super) use triples;

pub(crate) fn visit(v: &mut impl Visit) {
    triples! { v:
        vpaddb_xxx "vpaddb";
        vpaddw_xxx "vpaddw";
        vpaddd_xxx "vpaddd";
        vpaddq_xxx "vpaddq";
        vpsubb_xxx "vpsubb";
        vpsubw_xxx "vpsubw";
        vpsubd_xxx "vpsubd";
        vpsubq_xxx "vpsubq";
        vpaddsb_xxx "vpaddsb";
        vpaddsw_xxx "vpaddsw";
        vpaddusb_xxx "vpaddusb";
        vpaddusw_xxx "vpaddusw";
        vpsubsb_xxx "vpsubsb";
        vpsubsw_xxx "vpsubsw";
        vpsubusb_xxx "vpsubusb";
        vpsubusw_xxx "vpsubusw";
        vpmullw_xxx "vpmullw";
        vpmulld_xxx "vpmulld";
        vpmulhw_xxx "vpmulhw";
        vpmulhuw_xxx "vpmulhuw";
        vpmulhrsw_xxx "vpmulhrsw";
        vpmuldq_xxx "vpmuldq";
        vpmuludq_xxx "vpmuludq";
        vpmaddwd_xxx "vpmaddwd";
        vpmaddubsw_xxx "vpmaddubsw";
        vpminsb_xxx "vpminsb";
        vpminsw_xxx "vpminsw";
        vpminsd_xxx "vpminsd";
        vpminub_xxx "vpminub";
        vpminuw_xxx "vpminuw";
        vpminud_xxx "vpminud";
        vpmaxsb_xxx "vpmaxsb";
        vpmaxsw_xxx "vpmaxsw";
        vpmaxsd_xxx "vpmaxsd";
        vpmaxub_xxx "vpmaxub";
        vpmaxuw_xxx "vpmaxuw";
        vpmaxud_xxx "vpmaxud";
        vpavgb_xxx "vpavgb";
        vpavgw_xxx "vpavgw";
        vpcmpeqb_xxx "vpcmpeqb";
        vpcmpeqw_xxx "vpcmpeqw";
        vpcmpeqd_xxx "vpcmpeqd";
        vpcmpeqq_xxx "vpcmpeqq";
        vpcmpgtb_xxx "vpcmpgtb";
        vpcmpgtw_xxx "vpcmpgtw";
        vpcmpgtd_xxx "vpcmpgtd";
        vpcmpgtq_xxx "vpcmpgtq";
        vpand_xxx "vpand";
        vpandn_xxx "vpandn";
        vpor_xxx "vpor";
        vpxor_xxx "vpxor";
        vpacksswb_xxx "vpacksswb";
        vpackuswb_xxx "vpackuswb";
        vpackssdw_xxx "vpackssdw";
        vpackusdw_xxx "vpackusdw";
        vpshufb_xxx "vpshufb";
        vpunpcklbw_xxx "vpunpcklbw";
        vpunpckhbw_xxx "vpunpckhbw";
        vpunpcklwd_xxx "vpunpcklwd";
        vpunpckhwd_xxx "vpunpckhwd";
        vpunpckldq_xxx "vpunpckldq";
        vpunpckhdq_xxx "vpunpckhdq";
        vpunpcklqdq_xxx "vpunpcklqdq";
        vpunpckhqdq_xxx "vpunpckhqdq";
        vpsllw_xxx "vpsllw";
        vpslld_xxx "vpslld";
        vpsllq_xxx "vpsllq";
        vpsrlw_xxx "vpsrlw";
        vpsrld_xxx "vpsrld";
        vpsrlq_xxx "vpsrlq";
        vpsraw_xxx "vpsraw";
        vpsrad_xxx "vpsrad";
    }
}
