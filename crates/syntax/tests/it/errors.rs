//! What is said about texts that are refused.

use midstride_syntax::assemble;

use crate::forms::IP;

const REFUSED: [&str; 39] = [
    "\tmov\teax, bl",
    "nop ; stores the sum",
    "moov eax, 1",
    "frobnicate",
    "frobnicate nowhere",
    "add rax, ebx",
    "mov al, 300",
    "mov rax, rip",
    "mov byte ptr [rax], ecx",
    "movzx eax, dword ptr [rbx]",
    "vaddps xmm1, ymm2, xmm3",
    "add eax",
    "ret 1, 2",
    "mov rax, [rbx*3]",
    "mov rax, [rbx*2+rcx*4]",
    "mov rax, [rsp*2]",
    "mov eax, [rax+0x100000000]",
    "mov ah, r8b",
    "addps xmm16, xmm1",
    "lock add eax, ebx",
    "rep add eax, ebx",
    "vaddps xmm1{k1}, xmm2, xmm3{1to4}",
    "add eax{k1}, ebx",
    "vaddps zmm1{k9}, zmm2, zmm3",
    "jmp short 0x20000000",
    "jmp nowhere",
    "x: nop; x: nop",
    "mov eax,",
    "mov eax, 5 5",
    "mov eax, [rax",
    "mov eax, 0xfg",
    "mov eax, 'abcdefghi'",
    "db 'abc",
    "mov eax, rbx+1",
    "mov eax, 1/0",
    ".byte 1, 256",
    "mov eax, §",
    "lock",
    "nop\nnop; mov eax, ebx; shl ebx",
];

#[test]
fn errors_point_at_what_is_wrong() {
    let report = |source: &&str| assemble(source, IP).unwrap_err().report(source).to_string();
    insta::assert_snapshot!(REFUSED.iter().map(report).collect::<Vec<_>>().join("\n"));
}
