//! Reading slots out of the channel. Everything in a slot was written by, or may have been scribbled over
//! by, a traced program: counts are clamped to what the layout holds, indices are checked where they are used.

use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::FileExt;

use midstride_tracer_abi as abi;
use midstride_tracer_abi::{Block, Module, Partial, SlotHeader, life, stat};

/// The numbers of a slot's header, clamped to the layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) life: u32,
    pub(super) pid: u32,
    pub(super) tid: u32,
    pub(super) owner: u32,
    pub(super) parent: u32,
    pub(super) forked: bool,
    pub(super) births: u32,
    pub(super) modules: u32,
    pub(super) path_bytes: u32,
    pub(super) blocks: u32,
    pub(super) inherited_blocks: u32,
    pub(super) inherited_modules: u32,
    pub(super) partials: u32,
    pub(super) lost: u32,
    pub(super) started_ns: u64,
    pub(super) stats: [u64; stat::COUNT],
}

/// Records are read in pieces of this size: to hold all of them twice, new memory takes longer than reading does.
const PIECE_BYTES: usize = 16 << 10;

/// One slot of a channel.
#[derive(Clone, Debug)]
pub(super) struct Slot<'f> {
    pub(super) index: u32,
    pub(super) header: Header,
    file: &'f File,
}

/// Little-endian numbers at offsets of a byte array that was checked to be long enough.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
    }
}

impl Header {
    fn parse(bytes: &[u8]) -> Self {
        let fields = Fields(bytes);
        let stat_at = |index| offset_of!(SlotHeader, stats) + index * size_of::<u64>();
        let blocks = fields.u32(offset_of!(SlotHeader, blocks)).min(abi::BLOCKS_MAX);
        let modules = fields.u32(offset_of!(SlotHeader, modules)).min(abi::MODULES_MAX);
        Self {
            life: fields.u32(offset_of!(SlotHeader, life)),
            pid: fields.u32(offset_of!(SlotHeader, pid)),
            tid: fields.u32(offset_of!(SlotHeader, tid)),
            owner: fields.u32(offset_of!(SlotHeader, owner)),
            parent: fields.u32(offset_of!(SlotHeader, parent)),
            forked: fields.u32(offset_of!(SlotHeader, forked)) != 0,
            births: fields.u32(offset_of!(SlotHeader, births)),
            modules,
            path_bytes: fields.u32(offset_of!(SlotHeader, path_bytes)).min(abi::PATHS_BYTES as u32),
            blocks,
            inherited_blocks: fields.u32(offset_of!(SlotHeader, inherited_blocks)).min(blocks),
            inherited_modules: fields.u32(offset_of!(SlotHeader, inherited_modules)).min(modules),
            partials: fields.u32(offset_of!(SlotHeader, partials)).min(abi::PARTIALS_MAX),
            lost: fields.u32(offset_of!(SlotHeader, lost)),
            started_ns: fields.u64(offset_of!(SlotHeader, started_ns)),
            stats: std::array::from_fn(|index| fields.u64(stat_at(index))),
        }
    }
}

impl<'f> Slot<'f> {
    /// Reads slot `index`; none when nobody used it.
    pub(super) fn read(file: &'f File, index: u32) -> io::Result<Option<Self>> {
        let mut bytes = [0; size_of::<SlotHeader>()];
        file.read_exact_at(&mut bytes, abi::slot_offset(index))?;
        let header = Header::parse(&bytes);
        Ok((header.life != life::EMPTY).then_some(Self { index, header, file }))
    }

    /// Its own module records, from `inherited_modules` on.
    pub(super) fn own_modules(&self) -> io::Result<Vec<Module>> {
        let range = self.header.inherited_modules..self.header.modules;
        self.records(abi::MODULES_AT, range, |fields| Module {
            start: fields.u64(offset_of!(Module, start)),
            end: fields.u64(offset_of!(Module, end)),
            file_offset: fields.u64(offset_of!(Module, file_offset)),
            path_at: fields.u32(offset_of!(Module, path_at)),
            path_len: fields.u32(offset_of!(Module, path_len)),
            since_block: fields.u32(offset_of!(Module, since_block)),
            until_block: fields.u32(offset_of!(Module, until_block)),
            reserved: [0; 3],
        })
    }

    /// The bytes of its modules' paths.
    pub(super) fn paths(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.header.path_bytes as usize];
        self.read_at(&mut bytes, abi::PATHS_AT)?;
        Ok(bytes)
    }

    /// Its own block records, from `inherited_blocks` on.
    pub(super) fn own_blocks(&self) -> io::Result<Vec<Block>> {
        let range = self.header.inherited_blocks..self.header.blocks;
        self.records(abi::BLOCKS_AT, range, |fields| Block {
            start: fields.u64(offset_of!(Block, start)),
            bytes: fields.u32(offset_of!(Block, bytes)),
            insns: fields.u16(offset_of!(Block, insns)),
            flags: fields.u16(offset_of!(Block, flags)),
        })
    }

    /// Its records of blocks that were cut short.
    pub(super) fn partials(&self) -> io::Result<Vec<Partial>> {
        self.records(abi::PARTIALS_AT, 0..self.header.partials, |fields| Partial {
            block: fields.u32(offset_of!(Partial, block)),
            insns: fields.u32(offset_of!(Partial, insns)),
            times: fields.u64(offset_of!(Partial, times)),
            bytes: fields.u64(offset_of!(Partial, bytes)),
        })
    }

    /// Its counters of the first `blocks` blocks.
    pub(super) fn counters(&self, blocks: u32) -> io::Result<Vec<u64>> {
        self.records(abi::COUNTERS_AT, 0..blocks.min(abi::BLOCKS_MAX), |fields| fields.u64(0))
    }

    fn records<T>(
        &self,
        area: u64,
        range: std::ops::Range<u32>,
        parse: impl Fn(Fields<'_>) -> T,
    ) -> io::Result<Vec<T>> {
        let size = size_of::<T>();
        let (mut records, mut buffer) = (Vec::with_capacity(range.len()), [0; PIECE_BYTES]);
        let mut at = area + u64::from(range.start) * size as u64;
        while records.len() < range.len() {
            let count = (range.len() - records.len()).min(PIECE_BYTES / size);
            let piece = &mut buffer[..count * size];
            self.read_at(piece, at)?;
            records.extend(piece.chunks_exact(size).map(|record| parse(Fields(record))));
            at += piece.len() as u64;
        }
        Ok(records)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, abi::slot_offset(self.index) + at)
    }
}
