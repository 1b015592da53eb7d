//! `clock_*`

use crate::call::{Call, Done};
use crate::clocks;

pub(crate) fn res_get(call: &mut Call<'_>) -> Done {
    let out = call.room(1, 8)?;
    let resolution = clocks::resolution(call.u32(0))?;
    call.put_u64(out, resolution)
}

/// The precision asked for is a hint that nobody needs.
pub(crate) fn time_get(call: &mut Call<'_>) -> Done {
    let out = call.room(2, 8)?;
    let time = call.wasi.clocks.time(call.u32(0))?;
    call.put_u64(out, time)
}
