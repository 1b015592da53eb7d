//! The host's end of the memory shared with all traced processes (layout: `midstride-tracer-abi`).

use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use midstride_tracer_abi as abi;

use crate::sys::{ControlMap, create_memfd, is_superuser, with_hard_file_size_limit};

/// The memfd and its mapped control block. Slots are read with `pread`: numbers in them are untrusted, and
/// a copy cannot change under the reader.
pub(crate) struct Channel {
    file: File,
    /// Mapped until the process ends: signal handlers ring its doorbell.
    control: &'static ControlMap,
    slots: u32,
}

impl Channel {
    /// Makes a channel with room for [`abi::SLOTS`] slots, or as many as the file size limit allows.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn create() -> io::Result<Self> {
        let file = create_memfd(c"midtrace")?;
        let slots = with_hard_file_size_limit(|limit| set_len(&file, limit))?;
        let control: &'static ControlMap = Box::leak(Box::new(ControlMap::new(&file)?));
        let head = control.get();
        head.magic.store(abi::MAGIC, Ordering::Relaxed);
        head.version.store(abi::VERSION, Ordering::Relaxed);
        head.withholds.store(u32::from(!is_superuser()), Ordering::Relaxed);
        head.host_pid.store(std::process::id(), Ordering::Release);
        Ok(Self { file, control, slots })
    }

    /// The control block. Other processes change it at any time.
    pub(crate) fn control(&self) -> &'static abi::Control {
        self.control.get()
    }

    /// The mapping of the control block.
    pub(crate) fn control_map(&self) -> &'static ControlMap {
        self.control
    }

    /// A path under which other processes of the same user can open the channel.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Takes the next slot; none when all are taken.
    pub(crate) fn take_slot(&self) -> Option<u32> {
        let slot = self.control().next_slot.fetch_add(1, Ordering::Relaxed);
        (slot < self.slots).then_some(slot)
    }

    /// How many slots were handed out.
    pub(crate) fn slots_used(&self) -> u32 {
        self.control().next_slot.load(Ordering::Acquire).min(self.slots)
    }

    /// Notes in `slot` that another program took the place of the process that calls itself `pid`, if the slot is
    /// that process's.
    pub(crate) fn mark_execed(&self, slot: u32, pid: u32) {
        if slot >= self.slots {
            return;
        }
        let start = abi::slot_offset(slot);
        let mut owner = [0; 4];
        let read = self.file.read_exact_at(&mut owner, start + offset_of!(abi::SlotHeader, pid) as u64);
        if read.is_ok() && u32::from_le_bytes(owner) == pid {
            let life = abi::life::EXECED.to_le_bytes();
            // Fails for no reason the host could do something about; the report says "killed" then.
            drop(self.file.write_all_at(&life, start + offset_of!(abi::SlotHeader, life) as u64));
        }
    }

    /// The file, for reading slots.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// Makes `file` as long as all slots need, or as `limit` allows; answers how many slots it holds.
fn set_len(file: &File, limit: u64) -> io::Result<u32> {
    let room = limit.saturating_sub(abi::CONTROL_BYTES) / abi::SLOT_BYTES;
    let slots = room.min(abi::SLOTS.into()) as u32;
    if slots == 0 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    file.set_len(abi::slot_offset(slots))?;
    Ok(slots)
}
