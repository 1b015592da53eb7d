//! Memory for a gate and its frame, with both in it, and doors out of the gate for code that stands anywhere.

use core::mem::{offset_of, transmute};

use midstride_addr::{AppPc, AppRange, CachePc};
use midstride_asm::{EmitError, Mem, Width, Writer};
use midstride_os::LINUX_PAGES;
use midstride_slab::{AllocError, PAGE_BYTES, Place, Region, Sizes, Slab};

use super::frame::{Frame, FrameRef, reason};
use super::gate::{self, GATE_BYTES, Gate, Need};
use crate::cpu::Cpu;
use crate::error::StartError;

/// A gate and its frame.
pub(crate) struct Base {
    pub(crate) region: Region,
    pub(crate) frame: FrameRef,
    pub(crate) gate: Gate,
    /// The first door out for each need; see [`Base::exit`].
    exits: CachePc,
    count: u32,
}

/// Bytes from one door out to the next.
const EXIT_BYTES: u64 = 16;
const NEEDS: u32 = 3;

impl Base {
    /// A gate with this many doors out for each need.
    pub(crate) fn new(cpu: &Cpu, exits: u32) -> Result<Self, StartError> {
        let frame_bytes = (size_of::<Frame>() + cpu.format.bytes()) as u64;
        let exit_bytes = u64::from(exits * NEEDS) * EXIT_BYTES;
        let sizes = Sizes { hot: GATE_BYTES as u64 + exit_bytes, cold: PAGE_BYTES, data: frame_bytes };
        let near = Place::near_pc(AppPc::new(Self::new as *const () as u64));
        let mut region = Region::reserve(&LINUX_PAGES, &near, sizes, 1)?;
        let memory = AllocError::BadUnitCount { units: 0 };
        let mut unit = region.unit(0).ok_or(memory)?;
        let data = unit.alloc_data(frame_bytes, 64)?;
        let frame = FrameRef::new(&data).ok_or(memory)?;
        let pc = unit.next(Slab::Hot, 16)?;
        let mut room = [0; GATE_BYTES];
        let gate = gate::write(Writer::new(&mut room, pc), frame, cpu).map_err(unwritable)?;
        let used = (gate.places.end - gate.places.start) as usize;
        put(&mut region, &room[..used])?;
        let start = region.unit(0).ok_or(memory)?.next(Slab::Hot, 16)?;
        let base = Self { region, frame, gate, exits: start, count: exits };
        base.with_exits(exit_bytes as usize)
    }

    fn with_exits(mut self, bytes: usize) -> Result<Self, StartError> {
        let mut room = vec![0; bytes];
        let mut w = Writer::new(&mut room, self.exits);
        for number in 0..self.count * NEEDS {
            let word = self.frame.at(offset_of!(Frame, reason));
            let reason = reason::FIRST_EXIT + number % self.count;
            w.mov_mi(Width::W32, Mem::rip(word), reason.cast_signed());
            w.jmp_to(self.gate.leave(Need::ALL[(number / self.count) as usize]));
            w.align(EXIT_BYTES as u32);
        }
        w.finish().map_err(unwritable)?;
        if bytes > 0 {
            put(&mut self.region, &room)?;
        }
        Ok(self)
    }

    /// The door out of this number, for code that was entered with this need.
    pub(crate) fn exit(&self, need: Need, number: u32) -> CachePc {
        self.exits.add(u64::from(need as u32 * self.count + number) * EXIT_BYTES)
    }
}

/// Goes through a door of the gate; says why the program was left.
#[inline]
pub(crate) fn enter(door: u64) -> u32 {
    // SAFETY: doors are functions of this type; they change nothing of this program but what the
    // instructions behind them change in memory.
    let door: extern "C" fn() -> u32 = unsafe { transmute(door as usize) };
    door()
}

/// What has to be reached from code.
pub(crate) fn near(base: &Region) -> AppRange {
    let range = base.range();
    AppRange::new(AppPc::new(range.start().get()), AppPc::new(range.end().get()))
}

/// Places code behind what there is.
fn put(region: &mut Region, bytes: &[u8]) -> Result<(), StartError> {
    let mut unit = region.unit(0).ok_or(AllocError::BadUnitCount { units: 0 })?;
    let mut span = unit.alloc_hot(bytes.len() as u64, 16)?;
    // The span was just made for these bytes.
    let unfit = |_| StartError::Missing { what: "room for the gate" };
    region.write(&mut span, bytes).map_err(unfit)?;
    drop(span.publish());
    Ok(())
}

fn unwritable(_: EmitError) -> StartError {
    StartError::Missing { what: "room for the gate" }
}
