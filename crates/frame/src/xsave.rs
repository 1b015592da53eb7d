//! The XSAVE area: where it keeps which register (Intel SDM volume 1, chapter 13).
//!
//! ```text
//! standard:   | x87, SSE: 512 | header 64 | AVX .. each component at the offset CPUID gives |
//! compacted:  | x87, SSE: 512 | header 64 | components of XCOMP_BV, one behind the other     |
//! ```
//! Offsets and sizes differ between processors: they come from CPUID leaf 0xD and are passed in as
//! data, nothing here executes an instruction.

use crate::register::Register;

/// Component number: x87 registers and control words (in the legacy area).
pub const X87: u8 = 0;
/// Component number: xmm0 to xmm15 and MXCSR (in the legacy area).
pub const SSE: u8 = 1;
/// Component number: upper halves of ymm0 to ymm15.
pub const AVX: u8 = 2;
/// Component number: k0 to k7.
pub const OPMASK: u8 = 5;
/// Component number: upper halves of zmm0 to zmm15.
pub const ZMM_HIGH: u8 = 6;
/// Component number: zmm16 to zmm31.
pub const HIGH_ZMM: u8 = 7;
/// Component number: protection keys.
pub const PKRU: u8 = 9;
/// Component number: user shadow stack (supervisor state).
pub const CET_USER: u8 = 11;
/// Component number: tile configuration.
pub const TILE_CONFIG: u8 = 17;
/// Component number: tile data.
pub const TILE_DATA: u8 = 18;
/// Component number: r16 to r31.
pub const APX: u8 = 19;

/// Bytes of the legacy area, the format of `fxsave64`.
pub const LEGACY_BYTES: u32 = 512;
/// Bytes of the header behind it.
pub const HEADER_BYTES: u32 = 64;
/// Alignment of the whole area in bytes.
pub const AREA_ALIGN: u32 = 64;

/// Offsets in the legacy area, in bytes.
pub mod legacy {
    /// x87 control word, 2 bytes.
    pub const FCW: u32 = 0;
    /// x87 status word, 2 bytes.
    pub const FSW: u32 = 2;
    /// x87 tags, one bit a register, 1 byte.
    pub const FTW: u32 = 4;
    /// Last x87 opcode, 2 bytes.
    pub const FOP: u32 = 6;
    /// Address of the last x87 instruction, 8 bytes.
    pub const FIP: u32 = 8;
    /// Address of its operand, 8 bytes.
    pub const FDP: u32 = 16;
    /// SSE control and status, 4 bytes.
    pub const MXCSR: u32 = 24;
    /// Bits of MXCSR that may be set, 4 bytes.
    pub const MXCSR_MASK: u32 = 28;
    /// st(0), 10 bytes; the next one is 16 further on.
    pub const ST: u32 = 32;
    /// xmm0, 16 bytes; the next one is 16 further on.
    pub const XMM: u32 = 160;
    /// Left to software: see [`SoftwareBytes`](crate::signal::SoftwareBytes).
    pub const SOFTWARE: u32 = 464;
}

/// How many component numbers a layout keeps; those in use today are below 20.
const COMPONENTS: usize = 32;

/// What one `cpuid` returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the fields are the registers they are named after")]
pub struct CpuidAnswer {
    pub eax: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
}

/// One state component.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Component {
    /// Bytes from the start of an area in standard format; 0 for supervisor state, which is never
    /// saved in it.
    pub offset: u32,
    /// Size in bytes.
    pub bytes: u32,
    /// Who may save it.
    pub level: Level,
    /// Where it starts in compacted format.
    pub start: Start,
}

/// Who may save a component.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Level {
    /// Enabled by XCR0, saved by every XSAVE instruction.
    #[default]
    User,
    /// Enabled by IA32_XSS, saved by `xsaves`.
    Supervisor,
}

/// Where a component starts in compacted format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Start {
    /// Right behind the one before.
    #[default]
    Packed,
    /// At the next multiple of 64.
    Aligned,
}

/// The XSAVE layout of one processor.
///
/// ```
/// use midstride_frame::xsave::{self, CpuidAnswer, XsaveLayout};
///
/// // AVX at 576, 256 bytes; nothing else beyond SSE.
/// let layout = XsaveLayout::new(0b111, |component| match component {
///     2 => CpuidAnswer { eax: 256, ebx: 576, ..CpuidAnswer::default() },
///     _ => CpuidAnswer::default(),
/// });
/// assert_eq!(layout.standard_bytes(0b111), 832);
/// assert_eq!(layout.standard_bytes(0b011), 576);
/// assert_eq!(layout.standard_offset(xsave::AVX), Some(576));
/// assert_eq!(layout.standard_offset(xsave::OPMASK), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct XsaveLayout {
    enabled: u64,
    components: [Component; COMPONENTS],
}

impl XsaveLayout {
    /// The layout for a program that may use the components in `xcr0`. `leaf` answers for CPUID leaf
    /// 0xD with the given subleaf; it is asked for subleaves 2 to 31.
    #[must_use]
    pub fn new(xcr0: u64, mut leaf: impl FnMut(u32) -> CpuidAnswer) -> Self {
        let mut components = [Component::default(); COMPONENTS];
        components[usize::from(X87)] = Component { offset: 0, bytes: 160, ..Component::default() };
        components[usize::from(SSE)] = Component { offset: legacy::XMM, bytes: 256, ..Component::default() };
        for (number, component) in components.iter_mut().enumerate().skip(2) {
            *component = Component::from_cpuid(leaf(number as u32));
        }
        Self { enabled: xcr0, components }
    }

    /// The components this layout was made for, as in XCR0.
    #[must_use]
    pub const fn enabled(&self) -> u64 {
        self.enabled
    }

    /// A component the processor has, enabled or not.
    #[must_use]
    pub fn component(&self, number: u8) -> Option<Component> {
        self.components.get(usize::from(number)).copied().filter(|component| component.bytes != 0)
    }

    /// Where an enabled component lies in standard format.
    #[must_use]
    pub fn standard_offset(&self, number: u8) -> Option<u32> {
        let enabled = number < 64 && self.enabled & 1 << number != 0;
        Some(self.component(number).filter(|c| enabled && c.level == Level::User)?.offset)
    }

    /// Bytes of an area in standard format that can hold the components of `mask`.
    #[must_use]
    pub fn standard_bytes(&self, mask: u64) -> u32 {
        self.extended(mask)
            .filter(|(_, component)| component.level == Level::User)
            .map(|(_, component)| component.offset + component.bytes)
            .max()
            .unwrap_or(LEGACY_BYTES + HEADER_BYTES)
    }

    /// Where a component lies in an area compacted to the components of `mask` (XCOMP_BV without
    /// bit 63).
    #[must_use]
    pub fn compacted_offset(&self, number: u8, mask: u64) -> Option<u32> {
        if number <= SSE {
            return self.component(number).map(|component| component.offset);
        }
        self.compacted(mask).find(|(found, ..)| *found == number).map(|(_, start, _)| start)
    }

    /// Bytes of an area compacted to the components of `mask`.
    #[must_use]
    pub fn compacted_bytes(&self, mask: u64) -> u32 {
        self.compacted(mask).last().map_or(LEGACY_BYTES + HEADER_BYTES, |(_, _, end)| end)
    }

    /// The components of `mask` beyond the legacy area.
    fn extended(&self, mask: u64) -> impl Iterator<Item = (u8, Component)> {
        (2..COMPONENTS as u8)
            .filter(move |number| mask & 1 << number != 0)
            .filter_map(|number| Some((number, self.component(number)?)))
    }

    /// Number, start and end of each component beyond the legacy area, compacted.
    fn compacted(&self, mask: u64) -> impl Iterator<Item = (u8, u32, u32)> {
        self.extended(mask).scan(LEGACY_BYTES + HEADER_BYTES, |end, (number, component)| {
            let start = match component.start {
                Start::Packed => *end,
                Start::Aligned => end.next_multiple_of(AREA_ALIGN),
            };
            *end = start + component.bytes;
            Some((number, start, *end))
        })
    }

    /// The pieces of a vector, mask or x87 register in an area of standard format, lowest bytes
    /// first. Pieces of components that are not enabled are left out; those of components that are
    /// not in the area's XSTATE_BV are zero whatever the area's bytes say.
    pub fn pieces(&self, register: Register) -> impl Iterator<Item = Piece> {
        pieces_of(register).into_iter().flatten().filter_map(|(component, from, bytes)| {
            let offset = self.standard_offset(component)? + from;
            Some(Piece { component, offset, bytes })
        })
    }
}

/// A part of a register's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The component it belongs to.
    pub component: u8,
    /// Where it lies, in bytes from the start of the area.
    pub offset: u32,
    /// Its length in bytes.
    pub bytes: u32,
}

/// Component, offset in the component and length of each part of a register.
fn pieces_of(register: Register) -> [Option<(u8, u32, u32)>; 3] {
    let part = |component, number: u8, bytes| Some((component, u32::from(number) * bytes, bytes));
    if let Some(number) = register.vector_number() {
        return match number {
            0..16 => [part(SSE, number, 16), part(AVX, number, 16), part(ZMM_HIGH, number, 32)],
            _ => [part(HIGH_ZMM, number - 16, 64), None, None],
        };
    }
    if let Some(number) = register.mask_number() {
        return [part(OPMASK, number, 8), None, None];
    }
    let x87 = |number: u8| (X87, legacy::ST + u32::from(number) * 16, 10);
    [register.x87_number().map(x87), None, None]
}

impl Component {
    /// From the answer of CPUID leaf 0xD for a subleaf from 2 on.
    #[must_use]
    pub const fn from_cpuid(answer: CpuidAnswer) -> Self {
        Self {
            offset: answer.ebx,
            bytes: answer.eax,
            level: if answer.ecx & 1 != 0 { Level::Supervisor } else { Level::User },
            start: if answer.ecx & 2 != 0 { Start::Aligned } else { Start::Packed },
        }
    }
}

/// The header of an XSAVE area, at offset 512.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct XsaveHeader {
    /// XSTATE_BV: components that are not in their initial state.
    pub present: u64,
    /// XCOMP_BV: bit 63 and the components of a compacted area, else 0.
    pub compacted: u64,
}

impl XsaveHeader {
    /// Reads it from an area; `None` when `area` is too short to have one.
    #[must_use]
    pub fn read(area: &[u8]) -> Option<Self> {
        let header = area.get(LEGACY_BYTES as usize..)?;
        let (present, rest) = header.split_first_chunk::<8>()?;
        let compacted = rest.first_chunk::<8>()?;
        Some(Self { present: u64::from_le_bytes(*present), compacted: u64::from_le_bytes(*compacted) })
    }
}

#[cfg(test)]
mod tests;
