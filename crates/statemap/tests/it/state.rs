//! Editing a state, checking it against a module, printing it.

use midstride_statemap::{
    Activation, CompactMapBuilder, EditError, Frame, FunctionEntry, Global, HostCall, Memory, ModuleMap,
    ModuleMapBuilder, Mutability, Operand, Phase, Place, Shape, ShapeError, SiteView, Slot, State, Table,
    ValType, Value,
};

/// Function 1: (param i32) (local f64), a call at 5 and a trap at 9 with an i64 on the stack.
fn module() -> Vec<u8> {
    struct Stack(Vec<Operand>);
    impl SiteView for Stack {
        fn operand_count(&self) -> u32 {
            self.0.len() as u32
        }
        fn operand(&self, index: u32) -> Operand {
            self.0[index as usize]
        }
        fn locals(&self) -> &[(u32, Place)] {
            &[]
        }
    }
    let mut function = CompactMapBuilder::new();
    function.start(1, &[(1, ValType::I32), (1, ValType::F64)]);
    function.site(8, 5, Phase::Call, &Stack(vec![])).unwrap();
    let operand = Operand { ty: ValType::I64, place: Place::Home };
    function.site(30, 9, Phase::Trap, &Stack(vec![operand])).unwrap();
    let mut module = ModuleMapBuilder::new();
    let entry = FunctionEntry { function: 1, code_start: 0, code_end: 64, body_offset: 0x40 };
    module.push(entry, &mut function, 0).unwrap();
    module.finish()
}

const SHAPE: Shape<'_> = Shape {
    functions: 2,
    imported_functions: 1,
    globals: &[(ValType::I32, Mutability::Var), (ValType::FuncRef, Mutability::Const)],
    tables: &[ValType::FuncRef],
    memories: 1,
    data_segments: 2,
    element_segments: 0,
};

fn state() -> State {
    let locals = vec![Value::I32(3), Value::from(0.5)];
    let calling = Frame { function: 1, wasm_offset: 5, phase: Phase::Call, locals, operands: vec![] };
    let trapped =
        Frame { wasm_offset: 9, phase: Phase::Trap, operands: vec![Value::I64(-1)], ..calling.clone() };
    let host_call = HostCall { function: 0, arguments: vec![Value::I32(8)], progress: vec![] };
    State {
        activations: vec![
            Activation { frames: vec![calling.clone()], host_call: Some(host_call) },
            Activation { frames: vec![calling, trapped], host_call: None },
        ],
        globals: vec![
            Global { value: Value::I32(1), mutability: Mutability::Var },
            Global { value: Value::FuncRef(Some(1)), mutability: Mutability::Const },
        ],
        tables: vec![Table { ty: ValType::FuncRef, maximum: None, elements: vec![Value::FuncRef(Some(0))] }],
        memories: vec![Memory::new(1)],
        dropped_data: vec![1],
        ..State::default()
    }
}

type Change = fn(&mut State);

fn judge(change: Change) -> Result<(), ShapeError> {
    let map = module();
    let mut state = state();
    change(&mut state);
    state.check_against(&SHAPE, &ModuleMap::parse(&map).unwrap())
}

/// The youngest frame.
fn youngest(state: &mut State) -> &mut Frame {
    state.frame_mut(0).unwrap()
}

#[test]
fn a_state_of_the_module_passes() {
    assert_eq!(judge(|_| ()), Ok(()));
}

#[test]
fn frames_of_another_module_are_refused() {
    let no_site = |wasm_offset, phase| ShapeError::NoSuchSite { function: 1, wasm_offset, phase };
    let missing = |slot| ShapeError::FrameSize { function: 1, slot };
    let [f64, i64] = [ValType::F64, ValType::I64];
    let wrong = |slot, expected, found| ShapeError::FrameType { function: 1, slot, expected, found };
    let cases: [(Change, ShapeError); 7] = [
        (|s| youngest(s).wasm_offset = 8, no_site(8, Phase::Trap)),
        (|s| youngest(s).phase = Phase::Loop, no_site(9, Phase::Loop)),
        (|s| youngest(s).locals.truncate(1), missing(Slot::Local(1))),
        (|s| youngest(s).operands.push(Value::I32(0)), missing(Slot::Operand(1))),
        (|s| youngest(s).locals[1] = Value::I64(0), wrong(Slot::Local(1), f64, i64)),
        (|s| youngest(s).operands[0] = Value::F64(0), wrong(Slot::Operand(0), i64, f64)),
        (
            |s| youngest(s).function = 0,
            ShapeError::NoSuchSite { function: 0, wasm_offset: 9, phase: Phase::Trap },
        ),
    ];
    for (change, error) in cases {
        assert_eq!(judge(change), Err(error));
    }
}

#[test]
fn things_the_module_does_not_have_are_refused() {
    let cases: [(Change, ShapeError); 8] = [
        (|s| s.globals.clear(), ShapeError::Count { what: "globals", expected: 2, found: 0 }),
        (|s| s.memories.push(Memory::new(0)), ShapeError::Count { what: "memories", expected: 1, found: 2 }),
        (|s| s.globals[0].value = Value::F32(0), ShapeError::Global { global: 0 }),
        (|s| s.globals[1].mutability = Mutability::Var, ShapeError::Global { global: 1 }),
        (|s| s.tables[0].ty = ValType::ExternRef, ShapeError::Table { table: 0 }),
        (|s| s.dropped_data = vec![2], ShapeError::Segment { segment: 2 }),
        (|s| s.tables[0].elements[0] = Value::FuncRef(Some(2)), ShapeError::Function { function: 2 }),
        (|s| s.activations[0].host_call.as_mut().unwrap().function = 1, ShapeError::Function { function: 1 }),
    ];
    for (change, error) in cases {
        assert_eq!(judge(change), Err(error));
    }
}

#[test]
fn edits_keep_types() {
    let mut state = state();
    let frame = youngest(&mut state);
    frame.set(Slot::Operand(0), Value::I64(12)).unwrap();
    assert_eq!(frame.get(Slot::Operand(0)), Some(Value::I64(12)));
    let error = frame.set(Slot::Local(0), Value::I64(1)).unwrap_err();
    assert_eq!(error, EditError::Type { expected: ValType::I32, found: ValType::I64 });
    let slot = Slot::Local(2);
    assert_eq!(frame.set(slot, Value::I32(0)), Err(EditError::NoSuchSlot { slot }));
    assert_eq!(frame.get(slot), None);

    state.set_global(0, Value::I32(5)).unwrap();
    assert_eq!(state.globals[0].value, Value::I32(5));
    assert_eq!(state.set_global(1, Value::FuncRef(None)), Err(EditError::Constant { global: 1 }));
    assert_eq!(state.set_global(2, Value::I32(0)), Err(EditError::NoSuchGlobal { global: 2 }));
    assert_eq!(state.frame_mut(2).unwrap().wasm_offset, 5);
    assert!(state.frame_mut(3).is_none());
}

#[test]
fn backtraces_name_functions_and_print_values() {
    let names = |function| (function == 0).then_some("poll_oneoff");
    insta::assert_snapshot!(state().backtrace(names).to_string(), @r"
    #0 function 1 + 0x9, trap
        locals: i32:3 f64:0.5
        operands: i64:-1
    #1 function 1 + 0x5, call
        locals: i32:3 f64:0.5
       host poll_oneoff (function 0), arguments: i32:8
    #2 function 1 + 0x5, call
        locals: i32:3 f64:0.5
    ");
}
