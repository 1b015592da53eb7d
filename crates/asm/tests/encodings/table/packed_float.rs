//! Floats in all lanes.

use midstride_asm::{FloatCompare, Rounding, Xmm};

use super::lanes::pairs;
use super::packed::triples;
use super::{B1, B16};
use crate::form::{FIXED, Visit};

pub(crate) fn visit(v: &mut impl Visit) {
    triples! { v:
        vaddps_xxx "vaddps";
        vaddpd_xxx "vaddpd";
        vmulps_xxx "vmulps";
        vmulpd_xxx "vmulpd";
        vsubps_xxx "vsubps";
        vsubpd_xxx "vsubpd";
        vdivps_xxx "vdivps";
        vdivpd_xxx "vdivpd";
        vminps_xxx "vminps";
        vminpd_xxx "vminpd";
        vmaxps_xxx "vmaxps";
        vmaxpd_xxx "vmaxpd";
        vandps_xxx "vandps";
        vandpd_xxx "vandpd";
        vandnps_xxx "vandnps";
        vandnpd_xxx "vandnpd";
        vorps_xxx "vorps";
        vorpd_xxx "vorpd";
        vxorps_xxx "vxorps";
        vxorpd_xxx "vxorpd";
    }
    pairs! { v:
        vsqrtps_xx "vsqrtps";
        vsqrtpd_xx "vsqrtpd";
        vcvtdq2ps_xx "vcvtdq2ps";
        vcvttps2dq_xx "vcvttps2dq";
        vcvtdq2pd_xx "vcvtdq2pd";
        vcvttpd2dq_xx "vcvttpd2dq";
        vcvtpd2ps_xx "vcvtpd2ps";
        vcvtps2pd_xx "vcvtps2pd";
    }
    v.line(
        "vcmpps_xxxi",
        "vcmpps",
        FIXED,
        &[B16, B16, B16, B1],
        |w, _, (d, a, b, n): (Xmm, Xmm, Xmm, FloatCompare)| {
            w.vcmpps_xxxi(d, a, b, n);
        },
    );
    v.line(
        "vcmppd_xxxi",
        "vcmppd",
        FIXED,
        &[B16, B16, B16, B1],
        |w, _, (d, a, b, n): (Xmm, Xmm, Xmm, FloatCompare)| {
            w.vcmppd_xxxi(d, a, b, n);
        },
    );
    v.line("vroundps_xxi", "vroundps", FIXED, &[B16, B16, B1], |w, _, (d, s, n): (Xmm, Xmm, Rounding)| {
        w.vroundps_xxi(d, s, n);
    });
    v.line("vroundpd_xxi", "vroundpd", FIXED, &[B16, B16, B1], |w, _, (d, s, n): (Xmm, Xmm, Rounding)| {
        w.vroundpd_xxi(d, s, n);
    });
    v.line(
        "vshufps_xxxi",
        "vshufps",
        FIXED,
        &[B16, B16, B16, B1],
        |w, _, (d, a, b, n): (Xmm, Xmm, Xmm, u8)| {
            w.vshufps_xxxi(d, a, b, n);
        },
    );
    v.line(
        "vinsertps_xxxi",
        "vinsertps",
        FIXED,
        &[B16, B16, B16, B1],
        |w, _, (d, a, b, n): (Xmm, Xmm, Xmm, u8)| {
            w.vinsertps_xxxi(d, a, b, n);
        },
    );
}
