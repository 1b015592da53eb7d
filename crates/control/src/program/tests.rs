use super::*;

fn id(number: u32) -> InsnId {
    InsnId::new(number)
}

#[test]
fn branches_inside_code_become_edges() {
    // test ecx, ecx; je +2; dec ecx; jmp -8; ret
    let program =
        Program::from_code(&[0x85, 0xc9, 0x74, 0x04, 0xff, 0xc9, 0xeb, 0xf8, 0xc3], AppPc::new(0x1000));
    let edges =
        |n| program.node(id(n)).map(|node| (node.next().map(InsnId::get), node.jump().map(InsnId::get)));
    assert_eq!(edges(0), Some((Some(2), None)));
    assert_eq!(edges(2), Some((Some(4), Some(8))));
    assert_eq!(edges(6), Some((None, Some(0))));
    assert_eq!(edges(8), Some((None, None)));
}

#[test]
fn targets_between_instructions_are_no_edges() {
    let program = Program::from_code(&[0x48, 0x31, 0xc0, 0xeb, 0xfc], AppPc::new(0));
    assert_eq!(program.node(id(3)).unwrap().jump(), None);
}

#[test]
fn bytes_that_are_no_instruction_are_kept_whole() {
    let program = Program::from_code(&[0x90, 0x06, 0x90], AppPc::new(0));
    assert_eq!(program.nodes().len(), 2);
    assert_eq!(program.node(id(1)).unwrap().bytes(), [0x06, 0x90]);
    assert!(program.node(id(1)).unwrap().insn().is_none());
}

#[test]
fn more_or_less_than_one_instruction_is_refused() {
    let mut program = Program::new();
    for bytes in [&[][..], &[0x90, 0x90], &[0x48], &[0x66; 16]] {
        let refused = ProgramError::NotOne { id: id(1), bytes: bytes.len() };
        assert_eq!(program.insert(id(1), bytes), Err(refused));
    }
    program.insert(id(1), &[0x90]).unwrap();
    assert_eq!(program.insert(id(1), &[0x90]), Err(ProgramError::Duplicate { id: id(1) }));
}

#[test]
fn only_direct_branches_jump() {
    let mut program = Program::new();
    program.insert(id(1), &[0x90]).unwrap();
    program.insert(id(2), &[0xe8, 0, 0, 0, 0]).unwrap();
    assert_eq!(program.link(id(1), Edge::Jump, Some(id(2))), Err(ProgramError::NoSuchEdge { id: id(1) }));
    assert_eq!(program.link(id(2), Edge::Jump, Some(id(3))), Err(ProgramError::Unknown { id: id(3) }));
    program.link(id(2), Edge::Jump, Some(id(1))).unwrap();
    program.remove(id(1)).unwrap();
    assert_eq!(program.node(id(2)).unwrap().jump(), None);
    assert_eq!(program.index_of(id(2)), Some(0));
}

#[test]
fn iced_instructions_keep_absolute_operands() {
    let insn = Instruction::with2(
        iced_x86::Code::Mov_r64_rm64,
        iced_x86::Register::RAX,
        iced_x86::MemoryOperand::with_base_displ(iced_x86::Register::RIP, 0x1234),
    )
    .unwrap();
    let mut program = Program::new();
    program.insert_iced(id(1), &insn).unwrap();
    let insn = program.node(id(1)).unwrap().insn().unwrap();
    assert_eq!(insn.iced().ip_rel_memory_address(), 0x1234);
}
