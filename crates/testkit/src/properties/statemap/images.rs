//! Images of arbitrary states.

use arbitrary::{Result, Unstructured};
use midstride_statemap::{
    Activation, Frame, Global, HostCall, HostState, Image, ImageHead, IndexType, Memory, Mutability, Phase,
    State, Table, ValType, Value,
};

/// An image that is written and read is the same; one flipped bit is noticed.
pub fn image_roundtrip(u: &mut Unstructured<'_>) -> Result<()> {
    let flip: u32 = u.arbitrary()?;
    let image = Image { module: u.arbitrary()?, state: state(u)? };
    let mut bytes = image.to_bytes().expect("the state is a possible one");
    assert_eq!(Image::read(&bytes).as_ref(), Ok(&image));
    let head = ImageHead::read(&bytes).expect("it is a whole image");
    assert!(head.runs.iter().flatten().all(|run| run.file_offset % 4096 == 0));
    let bit = flip as usize % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    assert!(Image::read(&bytes).is_err(), "bit {bit:#x} of {:#x} bytes", bytes.len());
    Ok(())
}

fn few<'a, T>(
    u: &mut Unstructured<'a>,
    most: usize,
    mut item: impl FnMut(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = u.int_in_range(0..=most)?;
    (0..count).map(|_| item(u)).collect()
}

fn state(u: &mut Unstructured<'_>) -> Result<State> {
    let mut activations = few(u, 3, activation)?;
    let older = activations.len().saturating_sub(1);
    for activation in &mut activations[..older] {
        activation.host_call = Some(host_call(u)?);
        activation.frames.iter_mut().for_each(|frame| frame.phase = Phase::Call);
    }
    let mut host = few(u, 3, |u| Ok(HostState { name: u.arbitrary()?, bytes: u.arbitrary()? }))?;
    host.sort_by(|a, b| a.name.cmp(&b.name));
    host.dedup_by(|a, b| a.name == b.name);
    Ok(State {
        activations,
        globals: few(u, 4, |u| {
            let mutability = *u.choose(&[Mutability::Const, Mutability::Var])?;
            Ok(Global { value: value(u)?, mutability })
        })?,
        tables: few(u, 2, table)?,
        memories: few(u, 3, memory)?,
        dropped_data: increasing(u)?,
        dropped_elements: increasing(u)?,
        host,
    })
}

fn increasing(u: &mut Unstructured<'_>) -> Result<Vec<u32>> {
    let mut indices = few(u, 5, |u| u.arbitrary())?;
    indices.sort_unstable();
    indices.dedup();
    Ok(indices)
}

fn value(u: &mut Unstructured<'_>) -> Result<Value> {
    let ty = *u.choose(&ValType::ALL)?;
    let bits: u128 = u.arbitrary()?;
    Ok(Value::from_bits(ty, bits).unwrap_or(Value::zero(ty)))
}

fn activation(u: &mut Unstructured<'_>) -> Result<Activation> {
    let mut frames = few(u, 4, |u| {
        Ok(Frame {
            function: u.arbitrary()?,
            wasm_offset: u.arbitrary()?,
            phase: *u.choose(&Phase::ALL)?,
            locals: few(u, 5, value)?,
            operands: few(u, 5, value)?,
        })
    })?;
    let host_call = if u.ratio(1, 3)? { Some(host_call(u)?) } else { None };
    let waiting = if host_call.is_some() { frames.len() } else { frames.len().saturating_sub(1) };
    frames[..waiting].iter_mut().for_each(|frame| frame.phase = Phase::Call);
    Ok(Activation { frames, host_call })
}

fn host_call(u: &mut Unstructured<'_>) -> Result<HostCall> {
    Ok(HostCall { function: u.arbitrary()?, arguments: few(u, 3, value)?, progress: u.arbitrary()? })
}

fn table(u: &mut Unstructured<'_>) -> Result<Table> {
    let ty = *u.choose(&[ValType::FuncRef, ValType::ExternRef])?;
    let elements = few(u, 6, |u| {
        let bits: u32 = u.arbitrary()?;
        Ok(Value::from_bits(ty, bits.into()).expect("32 bits are a reference"))
    })?;
    let maximum = if u.arbitrary()? { Some(u.int_in_range(elements.len() as u32..=u32::MAX)?) } else { None };
    Ok(Table { ty, maximum, elements })
}

fn memory(u: &mut Unstructured<'_>) -> Result<Memory> {
    let index_type = *u.choose(&[IndexType::I32, IndexType::I64])?;
    let most = *u.choose(&[0, 1, 3, 0x1_0000])?;
    let mut memory = Memory::new(u.int_in_range(0..=most)?);
    memory.index_type = index_type;
    memory.maximum =
        if u.arbitrary()? { Some(u.int_in_range(memory.wasm_pages()..=0x1_0000)?) } else { None };
    for _ in 0..u.int_in_range(0..=4)? {
        let byte: u8 = u.arbitrary()?;
        let bytes = vec![byte | 1; *u.choose(&[1, 5, 4096, 9000])?];
        let start = u.int_in_range(0..=memory.size())?;
        // Past the end: refused, and nothing is written.
        let _ = memory.write(start, &bytes);
    }
    Ok(memory)
}
