//! What a WASI program had of its host, as bytes that somebody altered.

use arbitrary::{Result, Unstructured};
use midstride_wasi::{Frozen, Stream, Streams};
use serde_json::{Value, json};

/// The reader ends with an error or a state, whatever the bytes are; a state can be written, and thaws or says
/// why not.
pub fn wasi_state(u: &mut Unstructured<'_>) -> Result<()> {
    if u.ratio(1, 8)? {
        read(u.bytes(u.len())?);
        return Ok(());
    }
    let mut state = state();
    for _ in 0..u.int_in_range(0..=5)? {
        change(&mut state, u)?;
    }
    read(state.to_string().as_bytes());
    Ok(())
}

/// One with something of each kind.
fn state() -> Value {
    let place = json!({ "root": 0, "path": "a/b" });
    let objects = [
        json!({ "standard": { "number": 0, "stream": "null" } }),
        json!({ "standard": { "number": 1, "stream": { "memory": "text" } } }),
        json!({ "standard": { "number": 2, "stream": "inherit" } }),
        json!({ "root": { "root": 0, "listing": [{ "name": "a", "ino": 1, "filetype": 4 }] } }),
        json!({ "directory": { "at": place, "listing": null } }),
        json!({ "file": { "at": place, "access": "read_write", "offset": 7 } }),
    ];
    let descriptor = |object| json!({ "rights": 0x1fff_ffff, "inheriting": 1, "flags": 1, "object": object });
    json!({
        "version": 1,
        "args": ["program", "argument"],
        "env": ["A=1"],
        "roots": [{ "guest": "/", "host": "/dev/null" }],
        "descriptors": objects.into_iter().map(descriptor).chain([Value::Null]).collect::<Vec<_>>(),
        "clocks": [1, 2, 3],
        "random": 5,
        "exit": null,
        "waiting": { "function": "poll_oneoff", "args": [0, 64, 1, 128], "since": 1 },
    })
}

/// Replaces, removes or doubles something.
fn change(value: &mut Value, u: &mut Unstructured<'_>) -> Result<()> {
    let deeper = u.ratio(7, 8)?;
    match value {
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = u.choose_index(items.len())?;
            if u.ratio(1, 6)? {
                let item = items[at].clone();
                items.push(item);
                return Ok(());
            }
            change(&mut items[at], u)
        }
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let at = u.choose_index(fields.len())?;
            let Some(name) = fields.keys().nth(at).cloned() else { return Ok(()) };
            if u.ratio(1, 12)? {
                fields.remove(&name);
                return Ok(());
            }
            fields.get_mut(&name).map_or(Ok(()), |field| change(field, u))
        }
        _ => {
            *value = anything(u)?;
            Ok(())
        }
    }
}

fn anything(u: &mut Unstructured<'_>) -> Result<Value> {
    let texts = ["", "a", "..", "/", "memory", "file", "poll_oneoff", "fd_read", "\0", "\u{fffd}"];
    Ok(match u.int_in_range(0..=7)? {
        0 => Value::Null,
        1 => json!([]),
        2 => json!({}),
        3 => json!(*u.choose(&texts)?),
        4 => json!(u.arbitrary::<i64>()?),
        5 => json!(u64::MAX - u64::from(u.arbitrary::<u8>()?)),
        6 => json!(u.int_in_range(0..=9)?),
        _ => json!(f64::from(u.arbitrary::<u32>()?) * 1e300),
    })
}

fn read(bytes: &[u8]) {
    let Ok(state) = Frozen::from_bytes(bytes) else { return };
    let written = state.to_bytes();
    assert_eq!(Frozen::from_bytes(&written).expect("what was read can be written"), state);
    let none = || Some(Stream::Null);
    let Ok(host) = state.thaw(Streams { stdin: none(), stdout: none(), stderr: none() }) else { return };
    if let Ok(again) = host.freeze() {
        assert_eq!(Frozen::from_bytes(&again.to_bytes()).expect("what was frozen can be read"), again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_altered_is_a_state() {
        let frozen = Frozen::from_bytes(state().to_string().as_bytes()).unwrap();
        assert_eq!(frozen.host_dirs().count(), 1);
    }
}
