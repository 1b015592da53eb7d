//! Memory in the child: for the stack, the slots and the programs.

use std::collections::BTreeSet;

use midstride_addr::{AppPc, CachePc};
use midstride_os::mem::{MapFlags, Prot};
use midstride_os::{Errno, nr};
use midstride_slab::{PAGE_BYTES, Place};

use super::child::Child;
use crate::chain::{CodeMap, Destination, Exits, Placed, TARGET_SLOT, assemble};
use crate::error::LoadError;
use crate::history;
use crate::program::Program;

/// Slots, and how much of the page they are in is left for them.
const SLOTS_BYTES: u64 = PAGE_BYTES;
const _: () = assert!(TARGET_SLOT + 8 <= SLOTS_BYTES);
/// More code than one instruction with its exits ever has.
const CODE_BYTES: u64 = 128;
const ANYWHERE: u64 = 0;

/// A program that was placed in the child.
pub(crate) struct Generation {
    pub(crate) map: CodeMap,
    pub(crate) program: Program,
    bytes: Vec<u8>,
    /// Addresses with breakpoints.
    pub(crate) planted: BTreeSet<u64>,
}

impl history::Generation for Generation {
    fn placed(&self) -> Placed<'_> {
        Placed { program: &self.program, map: &self.map }
    }
}

impl Generation {
    /// The byte of the code at an address.
    pub(crate) fn byte(&self, pc: u64) -> u8 {
        let offset = pc.wrapping_sub(self.map.origin().get()) as usize;
        self.bytes.get(offset).copied().unwrap_or_default()
    }
}

fn failed(call: &'static str) -> impl Fn(Errno) -> LoadError {
    move |errno| LoadError::System { call, errno }
}

impl Child {
    fn map(&self, address: u64, bytes: u64, prot: Prot, flags: MapFlags) -> Result<u64, Errno> {
        let flags = flags | MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::NORESERVE;
        let (prot, flags) = (prot.bits().into(), flags.bits().into());
        self.call(nr::MMAP, [address, bytes, prot, flags, u64::MAX, 0])
    }

    fn unmap(&self, address: u64, bytes: u64) -> Result<(), Errno> {
        self.call(nr::MUNMAP, [address, bytes, 0, 0, 0, 0]).map(drop)
    }

    /// Maps a stack with a page at either end that cannot be touched; the end of what can.
    pub(crate) fn map_stack(&self, bytes: u64) -> Result<u64, Errno> {
        let bytes = bytes.max(1).next_multiple_of(PAGE_BYTES);
        let address = self.map(ANYWHERE, bytes + 2 * PAGE_BYTES, Prot::NONE, MapFlags::PRIVATE)? + PAGE_BYTES;
        let prot = (Prot::READ | Prot::WRITE).bits().into();
        self.call(nr::MPROTECT, [address, bytes, prot, 0, 0, 0])?;
        Ok(address + bytes)
    }

    /// Maps the page of slots, in reach of this program's own code and data, whose addresses the child has.
    pub(crate) fn map_slots(&self) -> Result<u64, Errno> {
        let near = Place::near_pc(AppPc::new(Self::map_slots as *const () as u64));
        // Room behind it is wanted for programs.
        const ROOM: u64 = 64 << 20;
        for address in near.candidates(ROOM) {
            let prot = Prot::READ | Prot::WRITE;
            match self.map(address, SLOTS_BYTES, prot, MapFlags::FIXED_NOREPLACE) {
                Ok(at) if at == address => return Ok(at),
                Ok(elsewhere) => self.unmap(elsewhere, SLOTS_BYTES)?,
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Err(Errno::ENOMEM)
    }

    /// Assembles and places a program where it reaches the slots.
    pub(crate) fn place(&self, program: &Program, slots: u64) -> Result<Generation, LoadError> {
        let room = ((program.nodes().len() as u64 + 1) * CODE_BYTES).next_multiple_of(PAGE_BYTES);
        let origin = self.map_near(slots, room).map_err(failed("mmap"))?;
        let placed = self.write_program(program, slots, origin);
        if placed.is_err() {
            // It stays mapped then, which only costs address space.
            let _ = self.unmap(origin, room);
        }
        placed
    }

    fn write_program(&self, program: &Program, slots: u64, origin: u64) -> Result<Generation, LoadError> {
        let to = Destination { origin: CachePc::new(origin), slots, exits: Exits::Trap };
        let chains = assemble(program, &to)?;
        self.write_code(origin, &chains.bytes).map_err(failed("write"))?;
        Ok(Generation {
            map: chains.map,
            program: program.clone(),
            bytes: chains.bytes,
            planted: BTreeSet::new(),
        })
    }

    /// Executable memory in reach of `slots`.
    fn map_near(&self, slots: u64, bytes: u64) -> Result<u64, Errno> {
        let place = Place::near_pc(AppPc::new(slots));
        let window = place.window();
        let hints = core::iter::once(slots + SLOTS_BYTES).chain(place.candidates(bytes));
        for hint in hints {
            let at = self.map(hint, bytes, Prot::READ | Prot::EXEC, MapFlags::PRIVATE)?;
            if window.holds(at, bytes) {
                return Ok(at);
            }
            self.unmap(at, bytes)?;
        }
        Err(Errno::ENOMEM)
    }

    /// Overwrites the code of a program that was replaced with breakpoints.
    pub(crate) fn retire(&self, old: &Generation) -> Result<(), Errno> {
        const INT3: u8 = 0xcc;
        self.write_code(old.map.origin().get(), &vec![INT3; old.bytes.len()])
    }

    /// Takes a program out that is forgotten.
    pub(crate) fn forget(&self, old: &Generation) -> Result<(), Errno> {
        let room = ((old.program.nodes().len() as u64 + 1) * CODE_BYTES).next_multiple_of(PAGE_BYTES);
        self.unmap(old.map.origin().get(), room)
    }
}
