//! Registers, flags and the red zone: what no function of a high-level language shows.

use std::arch::{asm, naked_asm};

use crate::{followed, plain};

/// Loads sixteen vector registers, makes getppid(2), stores them again.
macro_rules! through_a_call {
    ($name:ident, $mov:literal, $reg:literal, $bytes:literal) => {
        fn $name(from: &[u8; 16 * $bytes]) -> [u8; 16 * $bytes] {
            let mut to = [0; 16 * $bytes];
            // SAFETY: uses the registers it names and vector registers; the call changes nothing.
            unsafe {
                asm!(
                    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                    concat!($mov, " ", $reg, "\\n, [rdi + \\n * ", $bytes, "]"),
                    ".endr",
                    "mov eax, 110",
                    "syscall",
                    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                    concat!($mov, " [rsi + \\n * ", $bytes, "], ", $reg, "\\n"),
                    ".endr",
                    inout("rdi") from.as_ptr() => _,
                    inout("rsi") to.as_mut_ptr() => _,
                    clobber_abi("C"),
                );
            }
            to
        }
    };
}

through_a_call!(through_xmm, "movups", "xmm", 16);
through_a_call!(through_ymm, "vmovups", "ymm", 32);
through_a_call!(through_zmm, "vmovups", "zmm", 64);

/// Likewise k1 to k7.
fn through_masks(from: &[u16; 7]) -> [u16; 7] {
    let mut to = [0; 7];
    // SAFETY: as above.
    unsafe {
        asm!(
            ".irp n, 1,2,3,4,5,6,7",
            "kmovw k\\n, [rdi + \\n * 2 - 2]",
            ".endr",
            "mov eax, 110",
            "syscall",
            ".irp n, 1,2,3,4,5,6,7",
            "kmovw [rsi + \\n * 2 - 2], k\\n",
            ".endr",
            inout("rdi") from.as_ptr() => _,
            inout("rsi") to.as_mut_ptr() => _,
            clobber_abi("C"),
        );
    }
    to
}

fn pattern<const N: usize>() -> [u8; N] {
    std::array::from_fn(|index| (index * 37 + 11) as u8)
}

/// How many kinds of vector registers a system call changed.
pub(crate) fn vectors_lost_in_calls() -> u32 {
    let mut lost = u32::from(through_xmm(&pattern()) != pattern());
    if is_x86_feature_detected!("avx") {
        lost += u32::from(through_ymm(&pattern()) != pattern());
    }
    if is_x86_feature_detected!("avx512f") {
        let masks = [1, 2, 3, 0xffff, 5, 0xaaaa, 7];
        lost += u32::from(through_zmm(&pattern()) != pattern()) + u32::from(through_masks(&masks) != masks);
    }
    lost
}

#[test]
fn vector_registers_survive_the_engine() {
    let lost = followed(plain(), || (0..50).map(|_| vectors_lost_in_calls()).sum::<u32>());
    assert_eq!(lost, 0);
}

/// Sets MXCSR and the x87 control word, goes through the gate, and returns what they are then.
#[unsafe(naked)]
extern "C" fn control_words(mxcsr: u32, x87: u16) -> u64 {
    naked_asm!(
        "push rdi",
        "push rsi",
        "sub rsp, 8",
        "stmxcsr [rsp]",
        "fnstcw [rsp + 4]",
        "ldmxcsr [rsp + 16]",
        "fldcw [rsp + 8]",
        "mov eax, 110",
        "syscall",
        "stmxcsr [rsp + 16]",
        "fnstcw [rsp + 8]",
        "ldmxcsr [rsp]",
        "fldcw [rsp + 4]",
        "mov eax, [rsp + 16]",
        "movzx ecx, word ptr [rsp + 8]",
        "shl rcx, 32",
        "or rax, rcx",
        "add rsp, 24",
        "ret",
    )
}

#[test]
fn rounding_modes_survive_the_engine() {
    // Toward zero, flush to zero; single precision, upwards.
    let (mxcsr, x87) = (0xff80, 0x087f);
    let words = followed(plain(), || control_words(mxcsr, x87));
    assert_eq!(words, u64::from(x87) << 32 | u64::from(mxcsr));
}

/// Flags through a jump that is taken for the first time.
#[unsafe(naked)]
extern "C" fn flags_through_the_gate(flags: u64) -> u64 {
    naked_asm!("push rdi", "popfq", "jmp 2f", "nop", "2:", "pushfq", "pop rax", "cld", "ret")
}

#[test]
fn every_flag_survives_the_engine() {
    const STATUS_AND_DIRECTION: u64 = 0xcd5;
    for flags in [0u64, 0x1, 0x4, 0x10, 0x40, 0x80, 0x400, 0x800, STATUS_AND_DIRECTION] {
        let range = range_of(flags_through_the_gate as *const () as u64, 64);
        plain().invalidate(range);
        let after = followed(plain(), || flags_through_the_gate(flags | 0x202));
        assert_eq!(after & STATUS_AND_DIRECTION, flags, "{flags:#x}");
    }
}

/// Keeps words below the stack pointer while it goes through the gate.
#[unsafe(naked)]
extern "C" fn red_zone(value: u64) -> u64 {
    naked_asm!(
        "mov [rsp - 8], rdi",
        "mov [rsp - 128], rdi",
        "mov eax, 110",
        "syscall",
        "jmp 2f",
        "nop",
        "2:",
        "mov rax, [rsp - 8]",
        "xor rax, [rsp - 128]",
        "not rax",
        "and rax, [rsp - 8]",
        "ret",
    )
}

#[test]
fn the_red_zone_is_the_programs() {
    assert_eq!(followed(plain(), || red_zone(0x1234_5678_9abc_def0)), 0x1234_5678_9abc_def0);
}

/// Returns rcx - pc and r11 - flags behind a system call, both 0.
#[unsafe(naked)]
extern "C" fn behind_a_call() -> u64 {
    naked_asm!(
        "mov eax, 110",
        "syscall",
        "2:",
        "pushfq",
        "pop rdx",
        "lea rax, [rip + 2b]",
        "sub rax, rcx",
        "sub r11, rdx",
        "or rax, r11",
        "ret",
    )
}

#[test]
fn system_calls_leave_rcx_and_r11_as_the_processor_does() {
    assert_eq!((behind_a_call(), followed(plain(), || behind_a_call())), (0, 0));
}

/// The code from an address on.
pub(crate) fn range_of(start: u64, bytes: u64) -> midstride_tracer::follow::AppRange {
    use midstride_tracer::follow::{AppPc, AppRange};
    AppRange::new(AppPc::new(start), AppPc::new(start + bytes))
}
