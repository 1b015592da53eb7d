//! The layout of a known processor.

use super::*;
use std::vec::Vec;

fn leaf(eax: u32, ebx: u32, ecx: u32) -> CpuidAnswer {
    CpuidAnswer { eax, ebx, ecx, edx: 0 }
}

/// Skylake server, as its CPUID answers, with XCR0 0xff (MPX included) and PKRU.
fn skylake() -> XsaveLayout {
    XsaveLayout::new(0x2ff, |component| match component {
        2 => leaf(256, 576, 0),
        3 => leaf(64, 960, 0),
        4 => leaf(64, 1024, 0),
        5 => leaf(64, 1088, 0),
        6 => leaf(512, 1152, 0),
        7 => leaf(1024, 1664, 0),
        8 => leaf(128, 0, 1),
        9 => leaf(8, 2688, 0),
        _ => CpuidAnswer::default(),
    })
}

#[test]
fn a_zmm_register_lies_in_three_pieces() {
    let pieces: Vec<_> = skylake().pieces(Register::vector(3).unwrap()).collect();
    let expected = [(SSE, 160 + 48, 16), (AVX, 576 + 48, 16), (ZMM_HIGH, 1152 + 96, 32)]
        .map(|(component, offset, bytes)| Piece { component, offset, bytes });
    assert_eq!(pieces, expected);
}

#[test]
fn upper_zmm_and_mask_registers_lie_in_one_piece() {
    let layout = skylake();
    let one = |register: Option<Register>| layout.pieces(register.unwrap()).next().unwrap();
    assert_eq!(one(Register::vector(17)), Piece { component: HIGH_ZMM, offset: 1664 + 64, bytes: 64 });
    assert_eq!(one(Register::mask(2)), Piece { component: OPMASK, offset: 1088 + 16, bytes: 8 });
    assert_eq!(one(Register::x87(1)), Piece { component: X87, offset: 48, bytes: 10 });
    assert_eq!(layout.pieces(Register::RAX).count(), 0);
}

#[test]
fn without_avx_512_only_the_lower_pieces_exist() {
    let layout = XsaveLayout { enabled: 0b11, ..skylake() };
    assert_eq!(layout.pieces(Register::vector(3).unwrap()).count(), 1);
    assert_eq!(layout.pieces(Register::vector(16).unwrap()).count(), 0);
}

#[test]
fn supervisor_state_takes_no_room_in_standard_format() {
    let layout = skylake();
    assert_eq!(layout.standard_offset(8), None);
    assert_eq!(layout.standard_bytes(0x1ff), 2688);
    assert_eq!(layout.standard_bytes(0x2ff), 2696);
}

#[test]
fn compacted_components_follow_each_other_as_aligned() {
    let layout = XsaveLayout::new(0x227, |component| match component {
        2 => leaf(256, 576, 0),
        5 => leaf(40, 1088, 0),
        9 => leaf(8, 2688, 2),
        _ => CpuidAnswer::default(),
    });
    let mask = 1 << AVX | 1 << OPMASK | 1 << PKRU;
    let starts = [AVX, OPMASK, PKRU].map(|n| layout.compacted_offset(n, mask).unwrap());
    assert_eq!(starts, [576, 832, 896]);
    assert_eq!(layout.compacted_bytes(mask), 904);
    assert_eq!(layout.compacted_bytes(0b11), 576);
    assert_eq!(layout.compacted_offset(AVX, 1 << OPMASK), None);
    assert_eq!(layout.compacted_offset(SSE, mask), Some(160));
}

#[test]
fn headers_are_read_behind_the_legacy_area() {
    let mut area = [0; 576];
    area[512] = 7;
    area[527] = 0x80;
    assert_eq!(XsaveHeader::read(&area), Some(XsaveHeader { present: 7, compacted: 1 << 63 }));
    assert_eq!(XsaveHeader::read(&area[..527]), None);
}
