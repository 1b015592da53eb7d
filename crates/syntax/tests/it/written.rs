//! What people write and iced does not print; the bytes are what GNU as or NASM make of it.

use iced_x86::OpCodeOperandKind;
use midstride_syntax::{Note, assemble};

use crate::forms::{IP, encodable};

fn bytes(source: &str) -> String {
    let assembly = assemble(source, IP).unwrap_or_else(|error| panic!("{}", error.report(source)));
    assembly.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

const WRITTEN: [(&str, &str); 63] = [
    ("mov eax, 7; imul eax, eax", "b8070000000fafc0"),
    (".loop: dec rcx; jnz .loop", "48ffc975fb"),
    ("add rax, [rsp+8]", "4803442408"),
    ("mov rax, [8+rsp]", "488b442408"),
    ("mov rax, 8[rsp]", "488b442408"),
    ("mov rax, -8[rbp+rcx*2]", "488b444df8"),
    ("mov rax, [rcx+rsp]", "488b040c"),
    ("mov rax, [4*rcx+rax]", "488b0488"),
    ("mov rax, [(2+2)*rcx+rax-(1<<4)]", "488b4488f0"),
    ("mov rax, fs:0x28", "64488b042528000000"),
    ("mov rax, [fs:0x28]", "64488b042528000000"),
    ("mov eax, ds:[rbp]", "3e8b4500"),
    ("mov eax, ss:[rbp]", "8b4500"),
    ("mov al, 'a'", "b061"),
    ("mov eax, 'abcd'", "b861626364"),
    ("mov eax, 1fh; mov eax, 0x1f; mov eax, 11111b", "b81f000000b81f000000b81f000000"),
    ("mov al, -1; mov al, 255; mov al, ~0", "b0ffb0ffb0ff"),
    ("movabs rax, 0x1122334455667788", "48b88877665544332211"),
    ("MOV EAX, DWORD PTR [RBX]", "8b03"),
    ("mov eax, dword [rbx]", "8b03"),
    ("imul eax, 5", "6bc005"),
    ("test eax, [rbx]", "8503"),
    ("xchg [rbx], eax", "8703"),
    ("sal eax, 2", "c1e002"),
    ("jz x; jc x; jnae x; x:", "7404720272 00"),
    ("setnbe al; cmovpo eax, ebx", "0f97c00f4bc3"),
    ("jmp short x; jmp near x; x:", "eb05e900000000"),
    ("rep movsb; repe cmpsb; repnz scasb", "f3a4f3a6f2ae"),
    ("movs dword ptr [rdi], dword ptr [rsi]", "a5"),
    ("stos qword ptr es:[rdi], rax", "48ab"),
    ("lodsb; lods al, byte ptr [rsi]", "acac"),
    ("a32 movsb; movsb [edi], [esi]", "67a467a4"),
    ("xlat; xlatb", "d7d7"),
    ("fadd st(2); fadd st2; fadd st(2), st; faddp; fxch", "d8c2d8c2dcc2dec1d9c9"),
    ("fld st(1); fstp st(1); fld qword ptr [rax]; fst dword ptr [rax]", "d9c1ddd9dd00d910"),
    ("wait; fwait; finit; fnstsw ax; fstsw ax", "9b9b9bdbe3dfe09bdfe0"),
    ("pblendvb xmm1, xmm2; pblendvb xmm1, xmm2, xmm0", "660f3810ca660f3810ca"),
    ("vaddps zmm1, zmm2, zmm3, {rz-sae}", "62f16c7858cb"),
    ("vaddps zmm1{k1}{z}, zmm2, [rax]{1to16}", "62f16cd95808"),
    ("{evex} vaddps xmm1, xmm2, xmm3; {vex} vaddps xmm1, xmm2, xmm3", "62f16c0858cbc5e858cb"),
    ("vgatherdps ymm1, [rax+ymm2*4], ymm3", "c4e265920c90"),
    ("vpgatherdd zmm1{k1}, [rax+zmm2*4]", "62f27d49900c90"),
    ("cmpltps xmm1, xmm2; cmpps xmm1, xmm2, 1", "0fc2ca010fc2ca01"),
    ("lock xadd [rax], ecx; xacquire lock inc dword ptr [rax]", "f00fc108f0f2ff00"),
    ("notrack jmp rax; bnd ret", "3effe0f2c3"),
    ("push 5; push word 5; pushw 5; push 0x1234", "6a05666a05666a056834120000"),
    ("call far fword ptr [rax]; jmp far [rax]; retf", "ff1866ff28cb"),
    ("data16 ret; o64 retf", "66c348cb"),
    ("lea rax, [rip+x]; lea rax, [rel x]; lea rax, [x]; x:", "488d050e000000488d0507000000488d0500000000"),
    ("lea rax, [rip+8]; lea eax, [eip]", "488d050800000067 8d0500000000"),
    ("mov eax, [abs 0x1000]; mov eax, [0x80000000]", "8b04250010000067a100000080"),
    ("mov al, [0x123456789abcdef0]", "a0f0debc9a78563412"),
    ("lea rax, [rdi*1]; lea rax, [rdi*2]", "488d043d00000000488d047d00000000"),
    ("mov rdi, offset x; x:", "48c7c707000010"),
    ("x: dq x; .quad $; .long x-x", "0000001000000000080000100000000000000000"),
    ("db 'a\\n', 0, 255, -1; dw 1; .asciz \"b\"", "610a00ffff01006200"),
    ("dd 1.5; .double -2.0; .float 1e-3", "0000c03f00000000000000c06f12833a"),
    ("nop; .align 4; .zero 2; .skip 1, 7", "90909090000007"),
    ("N = 3; M equ N*2; mov eax, M << 4 | 1", "b861000000"),
    (".cfi_startproc; .file \"g.c\"; .p2align 4,,10; nop; .p2align 2; .ident \"GCC\"", "90909090"),
    (".intel_syntax noprefix; .globl main; main: ret", "c3"),
    ("mov eax, 1 # one\n// nothing\nret", "b801000000c3"),
    ("ht jz x; hnt jz x; x:", "3e74032e7400"),
];

#[test]
fn texts_of_other_assemblers_are_understood() {
    for (source, wanted) in WRITTEN {
        assert_eq!(bytes(source), wanted.replace(' ', ""), "{source}");
    }
}

#[test]
fn what_a_compiler_writes_is_assembled() {
    let source = include_str!("compiled.s");
    let assembly = assemble(source, IP).unwrap_or_else(|error| panic!("{}", error.report(source)));
    assert_eq!(assembly.labels.len(), 6);
    let written = source.lines().filter(|line| line.starts_with('\t') && !line.starts_with("\t."));
    assert_eq!(assembly.items.iter().filter(|item| item.insn().is_some()).count(), written.count());
}

#[test]
fn wait_pairs_are_two_instructions() {
    let pairs = encodable().filter(|code| code.op_code().fwait());
    for code in pairs {
        let name = format!("{:?}", code.mnemonic()).to_lowercase();
        let operand = match code.op_code().op_kinds().first() {
            Some(OpCodeOperandKind::mem) => " [rax]",
            Some(_) => " ax",
            None => "",
        };
        let bytes = bytes(&[&name, operand].concat());
        assert!(bytes.starts_with("9b") && bytes.len() > 4, "{name} {bytes}");
        let (wait, rest) = bytes.split_at(2);
        let alone = [&name[..1], "n", &name[1..], operand].concat();
        assert_eq!((wait, rest), ("9b", self::bytes(&alone).as_str()), "{name}");
    }
}

#[test]
fn an_open_size_is_taken_and_said() {
    let taken = |source: &str| assemble(source, IP).unwrap().items[0].note;
    for (source, bytes) in [
        ("mov [rax], 5", 4),
        ("inc [rax]", 4),
        ("movzx eax, [rax]", 1),
        ("fld [rax]", 4),
        ("vcvtpd2ps xmm0, [rax]", 16),
        ("mov [rax], 0x12345", 4),
    ] {
        assert_eq!(taken(source), Some(Note::Size { bytes }), "{source}");
    }
    for source in ["mov [rax], ecx", "push [rax]", "call [rax]", "addpd xmm0, [rax]", "inc byte ptr [rax]"] {
        assert_eq!(taken(source), None, "{source}");
    }
    assert_eq!(Note::Size { bytes: 16 }.to_string(), "taken as xmmword ptr");
}
