//! Frames of compiled code, built on an instance's stack.

use crate::compile::Frame;

/// Builds frames on a stack, the oldest first.
#[derive(Debug)]
pub(crate) struct Builder {
    sp: u64,
    fp: u64,
    limit: u64,
}

impl Builder {
    /// Builds from `top` downwards, not below `limit`.
    ///
    /// # Safety
    /// The memory in between is an instance's stack, and no code runs on it.
    pub(crate) unsafe fn new(top: u64, limit: u64) -> Self {
        Self { sp: top, fp: 0, limit }
    }

    /// Writes a value, if there is room.
    fn put<T>(&mut self, at: u64, value: T) -> Option<()> {
        if at < self.limit {
            return None;
        }
        let to = std::ptr::with_exposed_provenance_mut::<T>(at as usize);
        // SAFETY: above the limit; below the top, since addresses only go down from there.
        unsafe { to.write_unaligned(value) };
        Some(())
    }

    /// What a call and `push rbp` leave: the address to return to, and the caller's frame pointer. The new
    /// frame pointer; `None` when there is no room.
    pub(crate) fn call(&mut self, returns_to: u64) -> Option<u64> {
        self.put(self.sp - 8, returns_to)?;
        self.put(self.sp - 16, self.fp)?;
        self.sp -= 16;
        Some(self.sp)
    }

    /// The frame of a function that has just been called.
    pub(crate) fn enter(&mut self, frame: Frame, bytes: u32, context: u64, values: &[u128]) -> Option<()> {
        self.fp = self.sp;
        self.sp -= u64::from(bytes);
        self.put(self.fp - 8, context)?;
        for (slot, &bits) in (0..).zip(values) {
            let home = self.fp.wrapping_add_signed(frame.offset(slot).into());
            match frame.stride() {
                16 => self.put(home, bits)?,
                _ => self.put(home, bits as u64)?,
            }
        }
        (self.sp >= self.limit).then_some(())
    }
}
