//! What programs look like as machine code.

use midstride_addr::{AppPc, CachePc, CodeOffset};
use midstride_control::{
    AssembleError, Chains, CodePoint, Destination, Edge, ExitKind, ExitPoint, Exits, InsnId, PieceKind,
    Program, assemble,
};
use midstride_testkit::{BASE, Listing, Random, block_bytes};

const SLOTS: u64 = 0x1001_0000;

fn trap() -> Destination {
    Destination { origin: BASE, slots: SLOTS, exits: Exits::Trap }
}

fn gate() -> Destination {
    let exits = Exits::Gate { number: SLOTS + 16, first: 16, gate: CachePc::new(0x1002_0000) };
    Destination { exits, ..trap() }
}

fn id(number: u32) -> InsnId {
    InsnId::new(number)
}

/// The code with what each piece is.
fn listing(chains: &Chains) -> String {
    let mut listing = Listing::new(&chains.bytes)
        .symbol(SLOTS, "slot")
        .symbol(SLOTS + 8, "target")
        .symbol(SLOTS + 16, "number")
        .symbol(0x1002_0000, "gate");
    for (pc, piece) in chains.map.pieces() {
        let note = match piece {
            PieceKind::Insn(id) => id.to_string(),
            PieceKind::Glue(id) => format!("to {id}"),
            PieceKind::Exit(exit) => exit.to_string(),
        };
        listing = listing.note(CodeOffset::new((pc.get() - BASE.get()) as u32), note);
    }
    listing.to_string()
}

fn assembled(program: &Program, to: &Destination) -> Chains {
    let chains = assemble(program, to).unwrap();
    check(program, &chains);
    chains
}

/// What holds for the map of any program.
fn check(program: &Program, chains: &Chains) {
    let map = &chains.map;
    for node in program.nodes() {
        for point in [CodePoint::At(node.id()), CodePoint::Inside { insn: node.id(), offset: 1 }] {
            let pc = map.address(point).unwrap();
            let short = map.address_behind(node.id()).unwrap() <= pc;
            assert!(short || map.locate(pc).unwrap().point == point, "{point}");
        }
    }
    for exit in map.exits() {
        let pc = map.address(CodePoint::Exit(exit)).unwrap();
        assert_eq!(map.locate(pc).unwrap().point, CodePoint::Exit(exit));
    }
    let end = map.origin().add(map.code_bytes()).get();
    assert_eq!(map.code_bytes(), chains.bytes.len() as u64);
    assert!((map.origin().get()..end).all(|pc| map.locate(pc).is_some()));
    assert_eq!((map.locate(end), map.locate(map.origin().get() - 1)), (None, None));
}

#[test]
fn a_loop_is_one_chain_with_its_exit() {
    let program = Program::from_code(&[0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9], AppPc::new(0));
    insta::assert_snapshot!(listing(&assembled(&program, &trap())), @r"
    0000: 48 01 c8                       add rax,rcx  ; #0
    0003: ff c9                          dec ecx  ; #3
    0005: 75 f9                          jne short 10000000h  ; #5
    0007: cc                             int3  ; exit behind #5
    ");
    insta::assert_snapshot!(listing(&assembled(&program, &gate())), @r"
    0000: 48 01 c8                       add rax,rcx  ; #0
    0003: ff c9                          dec ecx  ; #3
    0005: 75 f9                          jne short 10000000h  ; #5
    0007: c7 05 ff ff 00 00 10 00 00 00  mov dword ptr [number],10h  ; exit behind #5
    0011: e9 ea ff 01 00                 jmp gate
    ");
}

#[test]
fn shared_successors_are_placed_once_and_jumped_to() {
    // Two roots, 1 and 3, with one tail, 2.
    let mut program = Program::new();
    program.insert(id(1), &[0xb0, 1]).unwrap();
    program.insert(id(2), &[0xc3]).unwrap();
    program.insert(id(3), &[0xb0, 3]).unwrap();
    program.link(id(1), Edge::Next, Some(id(2))).unwrap();
    program.link(id(3), Edge::Next, Some(id(2))).unwrap();
    insta::assert_snapshot!(listing(&assembled(&program, &trap())), @r"
    0000: b0 01                          mov al,1  ; #1
    0002: c3                             ret  ; #2
    0003: b0 03                          mov al,3  ; #3
    0005: eb fb                          jmp short 10000002h  ; to #2
    ");
}

#[test]
fn circles_have_no_beginning_and_are_placed_last() {
    let mut program = Program::new();
    program.insert(id(1), &[0xff, 0xc0]).unwrap();
    program.insert(id(2), &[0xff, 0xc8]).unwrap();
    program.insert(id(3), &[0xc3]).unwrap();
    program.link(id(1), Edge::Next, Some(id(2))).unwrap();
    program.link(id(2), Edge::Next, Some(id(1))).unwrap();
    insta::assert_snapshot!(listing(&assembled(&program, &trap())), @r"
    0000: c3                             ret  ; #3
    0001: ff c0                          inc eax  ; #1
    0003: ff c8                          dec eax  ; #2
    0005: eb fa                          jmp short 10000001h  ; to #1
    ");
}

#[test]
fn jumps_without_target_leave_behind_their_chain() {
    let mut program = Program::new();
    program.insert(id(1), &[0x74, 0]).unwrap();
    program.insert(id(2), &[0xe8, 0, 0, 0, 0]).unwrap();
    program.link(id(1), Edge::Next, Some(id(2))).unwrap();
    insta::assert_snapshot!(listing(&assembled(&program, &gate())), @r"
    0000: 74 14                          je short 10000016h  ; #1
    0002: e8 1e 00 00 00                 call 10000025h  ; #2
    0007: c7 05 ff ff 00 00 12 00 00 00  mov dword ptr [number],12h  ; exit behind #2
    0011: e9 ea ff 01 00                 jmp gate
    0016: c7 05 f0 ff 00 00 10 00 00 00  mov dword ptr [number],10h  ; exit by the jump of #1
    0020: e9 db ff 01 00                 jmp gate
    0025: c7 05 e1 ff 00 00 11 00 00 00  mov dword ptr [number],11h  ; exit by the jump of #2
    002f: e9 cc ff 01 00                 jmp gate
    ");
}

/// `opcode`, then `count` long nops, then a return that it jumps to.
fn jump_over(opcode: &[u8], count: u32) -> Program {
    let mut program = Program::new();
    program.insert(id(0), opcode).unwrap();
    for n in 1..=count {
        program.insert(id(n), &[0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0]).unwrap();
        program.link(id(n - 1), Edge::Next, Some(id(n))).unwrap();
    }
    program.insert(id(count + 1), &[0xc3]).unwrap();
    program.link(id(count), Edge::Next, Some(id(count + 1))).unwrap();
    program.link(id(0), Edge::Jump, Some(id(count + 1))).unwrap();
    program
}

#[test]
fn branches_are_short_exactly_while_they_reach() {
    for (opcode, wide, to_short) in [(&[0x75u8, 0][..], 6, 2), (&[0xeb, 0], 5, 2), (&[0x67, 0xe2, 0], 10, 3)]
    {
        let len = |count| {
            let chains = assembled(&jump_over(opcode, count), &trap());
            chains.map.address(CodePoint::At(id(1))).unwrap() - BASE.get()
        };
        // A jump does not fall through: what stands behind it is another chain, further on or in front.
        if opcode[0] != 0xeb {
            assert_eq!((len(15), len(16)), (to_short, wide), "{opcode:02x?}");
        }
    }
}

#[test]
fn counted_branches_out_of_reach_get_an_island() {
    let chains = assembled(&jump_over(&[0xe3, 0], 16), &trap());
    let text = listing(&chains);
    insta::assert_snapshot!(text.lines().take(4).collect::<Vec<_>>().join("\n"), @r"
    0000: e3 02                          jrcxz 10000004h  ; #0
    0002: eb 05                          jmp short 10000009h
    0004: e9 80 00 00 00                 jmp 10000089h
    0009: 0f 1f 84 00 00 00 00 00        nop [rax+rax]  ; #1
    ");
    let at = |offset: u64| chains.map.locate(BASE.get() + offset).unwrap().point;
    assert_eq!((at(0), at(2), at(4)), (CodePoint::At(id(0)), CodePoint::At(id(1)), CodePoint::At(id(17))));
}

#[test]
fn backward_branches_reach_128_bytes() {
    for (nops, expected) in [(126, 2), (127, 6)] {
        let mut program = Program::new();
        for n in 0..nops {
            program.insert(id(n), &[0x90]).unwrap();
        }
        program.insert(id(nops), &[0x75, 0]).unwrap();
        (0..nops).for_each(|n| program.link(id(n), Edge::Next, Some(id(n + 1))).unwrap());
        program.link(id(nops), Edge::Jump, Some(id(0))).unwrap();
        let chains = assembled(&program, &trap());
        let behind = chains.map.address_behind(id(nops)).unwrap();
        assert_eq!(behind - chains.map.address(CodePoint::At(id(nops))).unwrap(), expected);
    }
}

#[test]
fn operands_relative_to_rip_keep_their_meaning() {
    let mut program = Program::new();
    // add [rip+0x10], eax: near, then far; jmp [rip+0] far; call [rip+0] near.
    program.insert_at(id(1), &[0x01, 0x05, 0x10, 0, 0, 0], AppPc::new(0x1100_0000)).unwrap();
    program.insert_at(id(2), &[0x01, 0x05, 0x10, 0, 0, 0], AppPc::new(0x7f00_0000_0000)).unwrap();
    program.insert_at(id(3), &[0xff, 0x15, 0, 0, 0, 0], AppPc::new(0x1100_0000)).unwrap();
    program.insert_at(id(4), &[0xff, 0x25, 0, 0, 0, 0], AppPc::new(0x7f00_0000_0000)).unwrap();
    (1..4).for_each(|n| program.link(id(n), Edge::Next, Some(id(n + 1))).unwrap());
    let chains = assembled(&program, &trap());
    insta::assert_snapshot!(listing(&chains), @r"
    0000: 01 05 10 00 00 01              add [11000016h],eax  ; #1
    0006: 48 89 0d f3 ff 00 00           mov [slot],rcx  ; #2
    000d: 48 b9 16 00 00 00 00 7f 00 00  mov rcx,7f0000000016h
    0017: 01 01                          add [rcx],eax
    0019: 48 8b 0d e0 ff 00 00           mov rcx,[slot]
    0020: 48 89 05 d9 ff 00 00           mov [slot],rax  ; #3
    0027: 48 8b 05 d8 ff ff 00           mov rax,[11000006h]
    002e: 48 89 05 d3 ff 00 00           mov [target],rax
    0035: 48 8b 05 c4 ff 00 00           mov rax,[slot]
    003c: ff 15 c6 ff 00 00              call qword ptr [target]
    0042: 48 89 05 b7 ff 00 00           mov [slot],rax  ; #4
    0049: 48 b8 06 00 00 00 00 7f 00 00  mov rax,7f0000000006h
    0053: 48 8b 00                       mov rax,[rax]
    0056: 48 89 05 ab ff 00 00           mov [target],rax
    005d: 48 8b 05 9c ff 00 00           mov rax,[slot]
    0064: ff 25 9e ff 00 00              jmp qword ptr [target]
    ");
    let at = |offset: u64| chains.map.locate(BASE.get() + offset).unwrap();
    let start = chains.map.address(CodePoint::At(id(2))).unwrap() - BASE.get();
    assert_eq!((at(start).point, at(start).lost), (CodePoint::At(id(2)), None));
    assert!(at(start + 17).lost.is_some());
}

#[test]
fn system_calls_and_unknown_bytes_have_a_place() {
    let program = Program::from_code(&[0x0f, 0x05, 0xcd, 0x80, 0x06], AppPc::new(0));
    insta::assert_snapshot!(listing(&assembled(&program, &trap())), @r"
    0000: cc                             int3  ; #0
    0001: cc                             int3  ; #2
    0002: 06                             (bad)  ; #4
    0003: cc                             int3  ; exit behind #4
    ");
    insta::assert_snapshot!(listing(&assembled(&program, &gate())), @r"
    0000: c7 05 06 00 01 00 11 00 00 00  mov dword ptr [number],11h  ; #0
    000a: e9 f1 ff 01 00                 jmp gate
    000f: c7 05 f7 ff 00 00 12 00 00 00  mov dword ptr [number],12h  ; #2
    0019: e9 e2 ff 01 00                 jmp gate
    001e: 06                             (bad)  ; #4
    001f: c7 05 e7 ff 00 00 10 00 00 00  mov dword ptr [number],10h  ; exit behind #4
    0029: e9 d2 ff 01 00                 jmp gate
    ");
}

#[test]
fn errors_name_the_instruction() {
    let program = Program::from_code(&[0x90, 0x66, 0xeb, 0x00], AppPc::new(0));
    assert_eq!(assemble(&program, &trap()).unwrap_err(), AssembleError::Unsupported { id: id(1) });
    let mut program = Program::new();
    program.insert_at(id(9), &[0xff, 0x2d, 0, 0, 0, 0], AppPc::new(1 << 40)).unwrap();
    assert_eq!(assemble(&program, &trap()).unwrap_err(), AssembleError::FarOutOfReach { id: id(9) });
    let far = Destination { slots: 1 << 40, ..trap() };
    let mut program = Program::new();
    program.insert_at(id(8), &[0x01, 0x05, 0, 0, 0, 0], AppPc::new(1 << 42)).unwrap();
    assert_eq!(assemble(&program, &far).unwrap_err().id(), id(8));
}

#[test]
fn any_code_is_assembled_or_refused_by_name() {
    let mut random = Random::new(3);
    for _ in 0..2_000 {
        let bytes = random.bytes(1024);
        let mut unstructured = midstride_testkit::arbitrary::Unstructured::new(&bytes);
        let Ok(code) = block_bytes(&mut unstructured) else { continue };
        let pc = AppPc::new([0x1000_1000, 0x7f00_0000_0000][random.below(2) as usize]);
        let program = Program::from_code(&code, pc);
        match assemble(&program, &gate()) {
            Ok(chains) => check(&program, &chains),
            Err(error) => assert!(program.node(error.id()).is_some(), "{error}"),
        }
    }
}

#[test]
fn programs_have_no_page_limit() {
    let mut program = Program::new();
    for n in 0..200_000 {
        program.insert(id(n), &[0x0f, 0x84, 0, 0, 0, 0]).unwrap();
    }
    (0..199_999).for_each(|n| program.link(id(n), Edge::Next, Some(id(n + 1))).unwrap());
    program.link(id(199_999), Edge::Jump, Some(id(0))).unwrap();
    program.link(id(0), Edge::Jump, Some(id(199_999))).unwrap();
    let chains = assemble(&program, &trap()).unwrap();
    let last = ExitPoint { insn: id(199_999), kind: ExitKind::Next };
    assert!(chains.map.address(CodePoint::Exit(last)).unwrap() > BASE.get() + 200_000 * 2);
}
