//! `memcpy` and `memset` for short blocks.
//!
//! Rewriting copies instructions of about a hundred bytes; what the compiler supplies starts a string
//! instruction for each, which costs more than the copy. (Measured: a fifth of the time to build a block.)

use core::arch::naked_asm;

/// Copies `bytes` bytes upwards; the ranges do not overlap.
///
/// # Safety
/// As in C.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 256",
        "ja 4f",
        "sub rdx, 8",
        "jb 2f",
        "3:",
        "mov rcx, [rsi]",
        "add rsi, 8",
        "mov [rdi], rcx",
        "add rdi, 8",
        "sub rdx, 8",
        "jae 3b",
        "2:",
        "add rdx, 8",
        "jz 6f",
        "5:",
        "mov cl, [rsi]",
        "inc rsi",
        "mov [rdi], cl",
        "inc rdi",
        "dec rdx",
        "jnz 5b",
        "6:",
        "ret",
        "4:",
        "mov rcx, rdx",
        "rep movsb",
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
        "cmp rdx, 256",
        "ja 4f",
        "sub rdx, 8",
        "jb 2f",
        "3:",
        "mov [rdi], rax",
        "add rdi, 8",
        "sub rdx, 8",
        "jae 3b",
        "2:",
        "add rdx, 8",
        "jz 6f",
        "5:",
        "mov [rdi], al",
        "inc rdi",
        "dec rdx",
        "jnz 5b",
        "6:",
        "mov rax, r8",
        "ret",
        "4:",
        "mov rcx, rdx",
        "rep stosb",
        "mov rax, r8",
        "ret",
    )
}
