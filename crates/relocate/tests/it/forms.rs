//! Bytes of every form that can have a rip-relative operand, from the layout of the encodings alone.

use midstride_relocate::{Insn, decode};

use crate::copy::PC;

/// What is done with every instruction.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(&Insn);

/// ModRM of [rip+disp32], the displacement, and bytes to serve as immediates.
const DISP: [u8; 4] = [0x34, 0x12, 0x00, 0x01];
const TAIL: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08];

/// Calls `visit` with every instruction that has a rip-relative operand, for the given prefix bytes,
/// opcode and ModRM.reg. `suffix` is an opcode byte behind the displacement (3DNow!).
fn offer(head: &[u8], reg: u8, suffix: Option<u8>, visit: Visit<'_>) {
    let mut bytes = [0; 32];
    let mut len = 0;
    let parts: [&[u8]; 5] = [head, &[reg << 3 | 5], &DISP, suffix.as_slice(), &TAIL];
    for part in parts {
        bytes[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    }
    match decode(&bytes[..len], PC) {
        Ok(insn) if insn.iced().is_ip_rel_memory_operand() => visit(&insn),
        _ => {}
    }
}

fn with_every_opcode(prefix: &[u8], visit: Visit<'_>) {
    for opcode in 0..=0xff {
        for reg in 0..8 {
            offer(&[prefix, &[opcode]].concat(), reg, None, visit);
        }
    }
}

/// `[prefixes] [REX] [0f [38|3a]] opcode`
pub(crate) fn legacy(visit: Visit<'_>) {
    const PREFIXES: [&[u8]; 15] = [
        &[],
        &[0x66],
        &[0xf2],
        &[0xf3],
        &[0x66, 0xf2],
        &[0x66, 0xf3],
        &[0xf0],
        &[0xf0, 0xf2],
        &[0x64],
        &[0x65, 0x67],
        &[0x67],
        &[0x67, 0x66],
        &[0x67, 0xf2],
        &[0x67, 0xf3],
        // A REX that does not count: another prefix follows.
        &[0x4f, 0x2e],
    ];
    const REXES: [&[u8]; 6] = [&[], &[0x40], &[0x48], &[0x4f], &[0x41], &[0x44]];
    const ESCAPES: [&[u8]; 4] = [&[], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];
    for prefix in PREFIXES {
        for rex in REXES {
            for escape in ESCAPES {
                with_every_opcode(&[prefix, rex, escape].concat(), visit);
            }
        }
    }
}

/// `0f 0f ModRM disp32 opcode`
pub(crate) fn three_d_now(visit: Visit<'_>) {
    for opcode in 0..=0xff {
        for reg in 0..8 {
            offer(&[0x0f, 0x0f], reg, Some(opcode), visit);
        }
    }
}

/// `c5 [~R ~vvvv L pp]` and `c4|8f [~R ~X ~B map] [W ~vvvv L pp]`; vvvv is none, 9 and 1.
pub(crate) fn vex_and_xop(visit: Visit<'_>) {
    const VVVV: [u8; 3] = [0x78, 0x30, 0x70];
    for last in (0..=0xffu8).filter(|last| VVVV.contains(&(last & 0x78))) {
        with_every_opcode(&[0xc5, last], visit);
        for registers in [0xe0, 0x00] {
            for (escape, map) in [(0xc4, 1), (0xc4, 2), (0xc4, 3), (0x8f, 8), (0x8f, 9), (0x8f, 10)] {
                with_every_opcode(&[escape, registers | map, last], visit);
            }
        }
    }
}

/// `62 [~R ~X ~B ~R' 0 map] [W ~vvvv 1 pp] [z L'L b ~V' aaa]`
pub(crate) fn evex(visit: Visit<'_>) {
    const LAST: [u8; 4] = [0x08, 0x18, 0x09, 0x89];
    const VVVV: [u8; 2] = [0x78, 0x30];
    for registers in [0xf0, 0x00] {
        for map in [1, 2, 3, 5, 6] {
            for middle in (0..=0xffu8).filter(|p| p & 4 != 0 && VVVV.contains(&(p & 0x78))) {
                for (length, last) in [0x00, 0x20, 0x40].into_iter().flat_map(|l| LAST.map(|p| (l, p))) {
                    with_every_opcode(&[0x62, registers | map, middle, length | last], visit);
                }
            }
        }
    }
}
