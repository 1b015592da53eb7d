//! Registers as the processor and the kernel keep them.

use midstride_frame::xsave::{self, HEADER_BYTES, LEGACY_BYTES, XsaveHeader, XsaveLayout, legacy};

use super::Registers;
use super::x87::{F80, X87};

/// Where this processor's XSAVE area, in standard format, has the vector and x87 registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct XsaveFormat {
    layout: XsaveLayout,
}

/// Parts of the vector registers: component, first register, bytes of a register in it, where these bytes
/// lie in the register.
const PARTS: [(u8, usize, usize, usize); 4] = [
    (xsave::SSE, 0, 16, 0),
    (xsave::AVX, 0, 16, 16),
    (xsave::ZMM_HIGH, 0, 32, 32),
    (xsave::HIGH_ZMM, 16, 64, 0),
];
/// How many registers have such a part.
const PART_REGISTERS: usize = 16;

impl XsaveFormat {
    /// The components that [`Registers`] hold, as in XCR0.
    pub const COMPONENTS: u64 = 1 << xsave::X87
        | 1 << xsave::SSE
        | 1 << xsave::AVX
        | 1 << xsave::OPMASK
        | 1 << xsave::ZMM_HIGH
        | 1 << xsave::HIGH_ZMM;

    /// For a processor of this layout.
    #[must_use]
    pub const fn new(layout: XsaveLayout) -> Self {
        Self { layout }
    }

    /// The components that are enabled and held, as in XCR0.
    #[must_use]
    pub const fn components(&self) -> u64 {
        self.layout.enabled() & Self::COMPONENTS
    }

    /// Bytes of an area.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.layout.standard_bytes(self.components()) as usize
    }

    /// Reads an area into registers. Components the area says are in their initial state are that, whatever
    /// its bytes are, but for MXCSR; a part that a short area does not have is left as it is.
    pub fn read(&self, area: &[u8], registers: &mut Registers) {
        let present = XsaveHeader::read(area).map_or(0, |header| header.present);
        read_x87(area, present >> xsave::X87 & 1 != 0, registers);
        read_mxcsr(area, registers);
        for (component, first, bytes, at) in PARTS {
            let Some(part) = self.part(area, component) else { continue };
            for (vector, own) in registers.vector[first..].iter_mut().zip(part.chunks_exact(bytes)) {
                match present >> component & 1 {
                    0 => vector.0[at..at + bytes].fill(0),
                    _ => vector.0[at..at + bytes].copy_from_slice(own),
                }
            }
        }
        if let Some(part) = self.part(area, xsave::OPMASK) {
            for (mask, own) in registers.mask.iter_mut().zip(part.chunks_exact(8)) {
                *mask = if present >> xsave::OPMASK & 1 == 0 { 0 } else { word(own) };
            }
        }
    }

    /// Writes registers to an area, with every component marked present.
    pub fn write(&self, registers: &Registers, area: &mut [u8]) {
        write_x87(&registers.x87, area);
        put(area, legacy::MXCSR, &registers.mxcsr.to_le_bytes());
        for (component, first, bytes, at) in PARTS {
            let Some(part) = self.part_mut(area, component) else { continue };
            for (vector, own) in registers.vector[first..].iter().zip(part.chunks_exact_mut(bytes)) {
                own.copy_from_slice(&vector.0[at..at + bytes]);
            }
        }
        if let Some(part) = self.part_mut(area, xsave::OPMASK) {
            for (mask, own) in registers.mask.iter().zip(part.chunks_exact_mut(8)) {
                own.copy_from_slice(&mask.to_le_bytes());
            }
        }
        let header = LEGACY_BYTES as usize..(LEGACY_BYTES + HEADER_BYTES) as usize;
        if let Some(header) = area.get_mut(header) {
            // Of components that are not held here the area may keep what it has.
            let others = word(header) & !Self::COMPONENTS;
            header.fill(0);
            header[..8].copy_from_slice(&(others | self.components()).to_le_bytes());
        }
    }

    fn part<'a>(&self, area: &'a [u8], component: u8) -> Option<&'a [u8]> {
        area.get(self.part_range(component)?)
    }

    fn part_mut<'a>(&self, area: &'a mut [u8], component: u8) -> Option<&'a mut [u8]> {
        area.get_mut(self.part_range(component)?)
    }

    fn part_range(&self, component: u8) -> Option<core::ops::Range<usize>> {
        let start = self.layout.standard_offset(component)? as usize;
        let bytes = match PARTS.iter().find(|part| part.0 == component) {
            Some((_, _, bytes, _)) => bytes * PART_REGISTERS,
            None => 64,
        };
        Some(start..start + bytes)
    }
}

/// MXCSR is there whether or not SSE and AVX are said to be: when one of them is asked for it is stored and loaded
/// (Intel SDM volume 1, 13.7 and 13.8).
fn read_mxcsr(area: &[u8], registers: &mut Registers) {
    let stored = area.get(legacy::MXCSR as usize..).and_then(|rest| rest.first_chunk());
    if let Some(stored) = stored {
        registers.mxcsr = u32::from_le_bytes(*stored);
    }
}

fn read_x87(area: &[u8], present: bool, registers: &mut Registers) {
    let Some(image) = area.first_chunk::<{ legacy::XMM as usize }>() else { return };
    if !present {
        registers.x87 = X87::default();
        return;
    }
    let half = |at: u32| u16::from_le_bytes([image[at as usize], image[at as usize + 1]]);
    let float = |n: usize| {
        let at = legacy::ST as usize + 16 * n;
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&image[at..at + 10]);
        F80::from_bytes(bytes)
    };
    registers.x87 = X87 {
        control: half(legacy::FCW),
        status: half(legacy::FSW),
        in_use: image[legacy::FTW as usize],
        opcode: half(legacy::FOP),
        instruction: word(&image[legacy::FIP as usize..]),
        operand: word(&image[legacy::FDP as usize..]),
        st: core::array::from_fn(float),
    };
}

fn write_x87(x87: &X87, area: &mut [u8]) {
    put(area, legacy::FCW, &x87.control.to_le_bytes());
    put(area, legacy::FSW, &x87.status.to_le_bytes());
    put(area, legacy::FTW, &[x87.in_use, 0]);
    put(area, legacy::FOP, &x87.opcode.to_le_bytes());
    put(area, legacy::FIP, &x87.instruction.to_le_bytes());
    put(area, legacy::FDP, &x87.operand.to_le_bytes());
    for (n, float) in (0..).zip(&x87.st) {
        put(area, legacy::ST + 16 * n, &float.to_bytes());
    }
}

/// The 8 bytes at the start, lowest first.
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |own| u64::from_le_bytes(*own))
}

/// Writes bytes where the area has them.
fn put(area: &mut [u8], at: u32, bytes: &[u8]) {
    let at = at as usize;
    if let Some(own) = area.get_mut(at..at + bytes.len()) {
        own.copy_from_slice(bytes);
    }
}
