//! `sock_*`

use crate::call::{Call, Done};
use crate::errno::Errno;

/// No descriptor of a guest's is a socket: the interface cannot make one, and none is given.
pub(crate) fn refuse(call: &mut Call<'_>) -> Done {
    call.wasi.table.get(call.u32(0))?;
    Err(Errno::NotSock.into())
}
