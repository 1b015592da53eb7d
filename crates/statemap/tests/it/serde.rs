//! Serde: through a format that shares nothing with ours.

use midstride_statemap::machine::{InstanceImage, ModuleStateMap};
use midstride_statemap::{Frame, Image, Memory, Phase, State, Value};

#[test]
fn an_image_survives_json() {
    let mut memory = Memory::new(2);
    memory.write(0x1_1234, b"text").unwrap();
    let locals = vec![Value::V128(u128::MAX), Value::F64(0x7ff8_0000_0000_0001), Value::FuncRef(None)];
    let frame = Frame { function: 1, wasm_offset: 2, phase: Phase::Trap, locals, operands: vec![] };
    let state = State {
        activations: vec![midstride_statemap::Activation { frames: vec![frame], host_call: None }],
        memories: vec![memory],
        ..State::default()
    };
    let image = Image { module: [3; 32], state };
    let text = serde_json::to_string(&image).unwrap();
    assert_eq!(serde_json::from_str::<Image>(&text).unwrap(), image);
}

#[test]
fn pages_behind_the_end_of_a_memory_are_refused() {
    let text = r#"{"index_type":"I32","maximum":null,"wasm_pages":1,"pages":[[15,[1]]]}"#;
    assert_eq!(serde_json::from_str::<Memory>(text).unwrap().pages().count(), 1);
    let error = serde_json::from_str::<Memory>(&text.replace("15", "16")).unwrap_err().to_string();
    assert!(error.starts_with("0x1 bytes at 0x10000 are not in a memory of 0x10000 bytes"), "{error}");
}

#[test]
fn machine_states_survive_json() {
    let text = serde_json::to_string(&ModuleStateMap::default()).unwrap();
    assert_eq!(serde_json::from_str::<ModuleStateMap>(&text).unwrap(), ModuleStateMap::default());
    let image = InstanceImage { memory: Some(vec![1]), globals: vec![u128::MAX], ..InstanceImage::default() };
    let text = serde_json::to_string(&image).unwrap();
    assert_eq!(serde_json::from_str::<InstanceImage>(&text).unwrap(), image);
}
