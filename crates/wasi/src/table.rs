//! The guest's descriptors.

use crate::abi::{Filetype, Rights};
use crate::errno::Errno;
use crate::object::{Descriptor, Directory};

/// Descriptors by number. New ones take the lowest that is free.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: Vec<Option<Descriptor>>,
}

impl Table {
    /// A table of these, at their places.
    pub(crate) fn from_slots(slots: Vec<Option<Descriptor>>) -> Self {
        Self { slots }
    }

    pub(crate) fn slots(&self) -> &[Option<Descriptor>] {
        &self.slots
    }

    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> u32 {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if free == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[free] = Some(descriptor);
        free as u32
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// A descriptor that may be used for something.
    ///
    /// Without the right to read or write the error is that of POSIX, `Badf`: programs know it.
    pub(crate) fn with(&self, fd: u32, rights: Rights) -> Result<&Descriptor, Errno> {
        let descriptor = self.get(fd)?;
        let missing = rights - descriptor.rights;
        if missing.is_empty() {
            Ok(descriptor)
        } else if missing.intersects(Rights::FD_READ | Rights::FD_WRITE) {
            Err(Errno::Badf)
        } else {
            Err(Errno::NotCapable)
        }
    }

    /// A directory that may be used for something.
    pub(crate) fn directory(&self, fd: u32, rights: Rights) -> Result<&Directory, Errno> {
        let descriptor = self.get(fd)?;
        if descriptor.object.filetype() != Filetype::Directory {
            return Err(Errno::NotDir);
        }
        self.with(fd, rights)?.object.directory()
    }

    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)
    }

    /// Moves a descriptor to the place of another, which is closed.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        // Taken and put back, when both are the same.
        let descriptor = self.remove(from)?;
        self.slots[to as usize] = Some(descriptor);
        Ok(())
    }
}
