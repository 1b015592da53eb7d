//! `memcpy` and `memset` for short blocks.
//!
//! Rewriting copies instructions of about a hundred bytes; what the compiler supplies starts a string
//! instruction for each, which costs more than the copy. (Measured: a fifth of the time to build a block.)
//! The last bytes of a block are moved at once, over some that were moved already.

use core::arch::naked_asm;

/// Copies `bytes` bytes; the ranges do not overlap.
///
/// # Safety
/// As in C.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 16",
        "jb {short}",
        "cmp rdx, {most}",
        "ja {long}",
        "mov r8, [rsi + rdx - 16]",
        "mov r9, [rsi + rdx - 8]",
        "lea r10, [rdi + rdx - 16]",
        "3:",
        "mov rcx, [rsi]",
        "mov r11, [rsi + 8]",
        "add rsi, 16",
        "mov [rdi], rcx",
        "mov [rdi + 8], r11",
        "add rdi, 16",
        "cmp rdi, r10",
        "jb 3b",
        "mov [r10], r8",
        "mov [r10 + 8], r9",
        "ret",
        most = const LONG,
        short = sym copy_short,
        long = sym copy_long,
    )
}

/// From here on a string instruction is worth its start.
const LONG: usize = 512;

/// The rest of [`memcpy`] for many bytes; rax holds the answer.
///
/// # Safety
/// As for `memcpy`.
#[unsafe(naked)]
unsafe extern "C" fn copy_long(to: *mut u8, from: *const u8, bytes: usize) {
    naked_asm!("mov rcx, rdx", "rep movsb", "ret")
}

/// The rest of [`memcpy`] for less than 16 bytes.
///
/// # Safety
/// As for `memcpy`.
#[unsafe(naked)]
unsafe extern "C" fn copy_short(to: *mut u8, from: *const u8, bytes: usize) {
    naked_asm!(
        "cmp edx, 8",
        "jb 2f",
        "mov rcx, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], r8",
        "ret",
        "2:",
        "cmp edx, 4",
        "jb 3f",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        "3:",
        "sub edx, 1",
        "jb 4f",
        "mov cl, [rsi + rdx]",
        "mov [rdi + rdx], cl",
        "jmp 3b",
        "4:",
        "ret",
    )
}

/// Sets `bytes` bytes.
///
/// # Safety
/// As in C.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, bytes: usize) -> *mut u8 {
    naked_asm!(
        "mov r8, rdi",
        "movzx eax, sil",
        "mov rcx, 0x0101010101010101",
        "imul rax, rcx",
        "lea r9, [rdx - 8]",
        "cmp r9, {most}",
        "ja 4f",
        "mov [rdi + rdx - 8], rax",
        "3:",
        "mov [rdi], rax",
        "add rdi, 8",
        "sub r9, 8",
        "ja 3b",
        "jmp 5f",
        "4:",
        "mov rcx, rdx",
        "rep stosb",
        "5:",
        "mov rax, r8",
        "ret",
        most = const LONG - 8,
    )
}
