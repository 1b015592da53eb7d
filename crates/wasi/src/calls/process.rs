//! `args_*`, `environ_*`, `proc_*`, `random_get`, `sched_yield`

use crate::call::{Call, Done};
use crate::errno::Errno;
use crate::stop::Exit;
use crate::transfer::CHUNK;

pub(crate) fn args_get(call: &mut Call<'_>) -> Done {
    let strings = std::mem::take(&mut call.wasi.args);
    let result = write_strings(call, &strings);
    call.wasi.args = strings;
    result
}

pub(crate) fn environ_get(call: &mut Call<'_>) -> Done {
    let strings = std::mem::take(&mut call.wasi.env);
    let result = write_strings(call, &strings);
    call.wasi.env = strings;
    result
}

pub(crate) fn args_sizes_get(call: &mut Call<'_>) -> Done {
    let sizes = sizes(&call.wasi.args);
    write_sizes(call, sizes)
}

pub(crate) fn environ_sizes_get(call: &mut Call<'_>) -> Done {
    let sizes = sizes(&call.wasi.env);
    write_sizes(call, sizes)
}

/// How many there are, and their bytes with a zero behind each.
fn sizes(strings: &[Vec<u8>]) -> (u64, u64) {
    (strings.len() as u64, strings.iter().map(|string| string.len() as u64 + 1).sum())
}

fn write_sizes(call: &mut Call<'_>, (count, bytes): (u64, u64)) -> Done {
    let (out_count, out_bytes) = (call.room(0, 4)?, call.room(1, 4)?);
    let narrow = |number| u32::try_from(number).map_err(|_| Errno::Overflow);
    call.put_u32(out_count, narrow(count)?)?;
    call.put_u32(out_bytes, narrow(bytes)?)
}

fn write_strings(call: &mut Call<'_>, strings: &[Vec<u8>]) -> Done {
    let (count, bytes) = sizes(strings);
    let (mut pointer, mut at) = (call.room(0, count * 4)?, call.room(1, bytes)?);
    for string in strings {
        call.put_u32(pointer, at as u32)?;
        call.put(at, string)?;
        call.put(at + string.len() as u64, &[0])?;
        (pointer, at) = (pointer + 4, at + string.len() as u64 + 1);
    }
    Ok(())
}

pub(crate) fn exit(call: &mut Call<'_>) -> Done {
    let code = call.u32(0);
    call.wasi.exit = Some(code);
    Err(Exit::Process { code }.into())
}

/// Signals do not exist for guests: the function is left from an earlier interface.
pub(crate) fn raise(_: &mut Call<'_>) -> Done {
    Err(Errno::NotSup.into())
}

pub(crate) fn sched_yield(_: &mut Call<'_>) -> Done {
    rustix::thread::sched_yield();
    Ok(())
}

pub(crate) fn random_get(call: &mut Call<'_>) -> Done {
    let bytes = u64::from(call.u32(1));
    let start = call.room(0, bytes)?;
    let mut chunk = [0; 4096];
    while call.moved < bytes {
        let chunk = &mut chunk[..(bytes - call.moved).min(4096) as usize];
        call.wasi.random.fill(chunk)?;
        call.put(start + call.moved, chunk)?;
        call.moved += chunk.len() as u64;
        let between = call.moved < bytes && call.moved.is_multiple_of(CHUNK as u64);
        if between && call.wasi.interrupt.is_raised() {
            return Err(Exit::Interrupted.into());
        }
    }
    Ok(())
}
