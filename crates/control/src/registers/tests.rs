use alloc::string::ToString;
use alloc::vec;

use midstride_frame::xsave::{CpuidAnswer, XsaveLayout};

use super::*;

/// A made-up processor with AVX-512 whose components are not where any real one has them.
fn format() -> XsaveFormat {
    let at = |ebx, eax| CpuidAnswer { eax, ebx, ..CpuidAnswer::default() };
    XsaveFormat::new(XsaveLayout::new(0xe7, |component| match component {
        2 => at(640, 256),
        5 => at(576, 64),
        6 => at(1024, 512),
        7 => at(2048, 1024),
        _ => CpuidAnswer::default(),
    }))
}

fn filled() -> Registers {
    let mut registers = Registers::new(Valid::of_components(0xe7));
    for (n, vector) in (0u8..).zip(&mut registers.vector) {
        vector.0 = core::array::from_fn(|byte| n.wrapping_mul(37) ^ byte as u8);
    }
    registers.mask = core::array::from_fn(|n| n as u64 * 0x1111);
    registers.x87.st = core::array::from_fn(|n| F80::from(n as f64));
    registers.x87.in_use = 0xff;
    registers.x87.operand = 0x1234_5678_9abc;
    registers.mxcsr = 0x1fbf;
    registers
}

#[test]
fn registers_survive_the_way_through_an_area() {
    let mut area = vec![0xaa; format().bytes()];
    format().write(&filled(), &mut area);
    let mut back = Registers::new(Valid::of_components(0xe7));
    format().read(&area, &mut back);
    assert_eq!(back, filled());
    assert_eq!(area[640..644], filled().vector[0].0[16..20]);
}

#[test]
fn absent_components_are_initial_whatever_their_bytes_are() {
    let mut area = vec![0xaa; format().bytes()];
    area[512..576].fill(0);
    area[24..28].copy_from_slice(&0x1d80u32.to_le_bytes());
    let mut registers = filled();
    format().read(&area, &mut registers);
    let initial = Registers::new(Valid::of_components(0xe7));
    assert_eq!(registers, Registers { mxcsr: 0x1d80, ..initial });
}

#[test]
fn areas_of_any_length_are_read_without_panic() {
    let mut area = vec![0; format().bytes()];
    format().write(&filled(), &mut area);
    for len in 0..area.len() {
        format().read(&area[..len], &mut filled());
        format().write(&filled(), &mut area[..len].to_vec());
    }
}

#[test]
fn registers_that_are_not_there_are_refused() {
    let mut registers = Registers::new(Valid::of_components(0b111));
    let zmm = Register::vector(20).unwrap();
    assert_eq!(registers.get(zmm), None);
    assert_eq!(registers.set(zmm, Vector::default().into()), Err(NoSuchValue::Invalid { register: zmm }));
    let ymm = Register::vector(2).unwrap();
    let wide = Value::Vector(Vector::splat(1u8));
    assert_eq!(registers.set(ymm, wide), Err(NoSuchValue::Unfit { register: ymm }));
    assert_eq!(registers.get(Register::FS_BASE), None);
}

#[test]
fn values_that_would_not_load_are_refused() {
    let mut registers = Registers::new(Valid::of_components(0xe7).with_segment_bases());
    for (register, word) in [
        (Register::FS_BASE, 1 << 63),
        (Register::MXCSR, 0x1_0000),
        (Register::FCW, 0x1_0000),
        (Register::vector(0).unwrap(), 0),
    ] {
        let value = Value::Word(word);
        assert_eq!(registers.set(register, value), Err(NoSuchValue::Unfit { register }));
    }
    registers.set(Register::RFLAGS, Value::Word(u64::MAX)).unwrap();
    assert_eq!(registers.gpr.rflags, (OWN_FLAGS | FIXED_FLAGS) & !rflags::ID);
}

#[test]
fn every_kind_of_change_has_a_line() {
    let before = Registers::new(Valid::of_components(0xe7).with_segment_bases());
    let mut after = before.clone();
    after.gpr.rsp = 0x7fff_ffff_0000;
    after.gpr.rbx = -2i64 as u64;
    after.gpr.rip = 7;
    after.gpr.rflags = FIXED_FLAGS | rflags::ZF | rflags::OF;
    after.gs_base = 0x10;
    after.x87.st[1] = F80::from(-1.5);
    after.mask[7] = 0xff;
    after.vector[9].set_lane(3, 1u64);
    after.vector[30].set_lane(7, 1u64);
    after.vector[31] = Vector::splat(1u32);
    after.vector[1].set_lane(0, 1.0f64);
    insta::assert_snapshot!(after.changes(&before).to_string(), @r"
    rbx     0 → fffffffffffffffe (-2)
    rsp     0 → 7fffffff0000
    rflags  +ZF +OF
    gs_base 0 → 10 (16)
    xmm1    ·_0000000000000000 → ·_3ff0000000000000
    ymm9    0000000000000000_·_·_· → 0000000000000001_·_·_·
    zmm30   0000000000000000_·_·_·_·_·_·_· → 0000000000000001_·_·_·_·_·_·_·
    zmm31   → 0000000100000001_0000000100000001_0000000100000001_0000000100000001_0000000100000001_0000000100000001_0000000100000001_0000000100000001
    k7      0 → ff (255)
    st1     0000_0000000000000000 (0.0) → bfff_c000000000000000 (-1.5)
    ");
}

#[test]
fn what_is_not_initial_is_displayed() {
    let mut registers = filled();
    registers.vector[1..].fill(Vector::default());
    registers.mask = [0; 8];
    registers.x87 = X87::default();
    registers.gpr.rax = 1;
    insta::assert_snapshot!(registers.to_string(), @r"
    rax 0000000000000001  rcx 0000000000000000  rdx 0000000000000000  rbx 0000000000000000
    rsp 0000000000000000  rbp 0000000000000000  rsi 0000000000000000  rdi 0000000000000000
    r8  0000000000000000  r9  0000000000000000  r10 0000000000000000  r11 0000000000000000
    r12 0000000000000000  r13 0000000000000000  r14 0000000000000000  r15 0000000000000000
    rip 0000000000000000  rflags
    mxcsr   1fbf (8127)
    zmm0    3f3e3d3c3b3a3938_3736353433323130_2f2e2d2c2b2a2928_2726252423222120_1f1e1d1c1b1a1918_1716151413121110_0f0e0d0c0b0a0908_0706050403020100
    ");
}
