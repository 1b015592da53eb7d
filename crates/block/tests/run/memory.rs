//! The memory that programs of this test live in: code, data near and far, a stack, a thread context, tables.

use std::sync::atomic::AtomicU64;

use midstride_addr::{AppPc, AppRange};
use midstride_block::TABLE_BYTES;
use midstride_os::LINUX_PAGES;
use midstride_os::mem::{Backing, MapFlags, Prot, mmap, mprotect, munmap};
use midstride_slab::PageSource;
use midstride_testkit::Random;

use crate::generate::Program;

/// Bytes of each piece of memory.
pub(crate) const CODE: u64 = 0x2000;
pub(crate) const DATA: u64 = 0x1000;
pub(crate) const STACK: u64 = 0x2000;
/// From the code to data that it reaches and code below it does not.
const FAR: u64 = 0x7fe0_0000;
/// Room for all of it.
const SPAN: u64 = 6 << 30;

/// Addresses of the pieces. They stay mapped until the process ends.
pub(crate) struct Memory {
    pub(crate) code: u64,
    pub(crate) near: u64,
    pub(crate) far: u64,
    pub(crate) stack: u64,
    /// Below 2 GiB: the context, doors, both tables.
    pub(crate) low: u64,
    /// Far from all code.
    pub(crate) elsewhere: u64,
}

/// In low memory: the thread context, then the doors, then the tables.
const DOORS_AT: u64 = 0x1000;
const TABLES_AT: u64 = 0x2000;

fn map(address: u64, bytes: u64, prot: Prot) -> u64 {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
    // SAFETY: without FIXED the kernel takes free addresses only.
    unsafe { mmap(address, bytes, prot, flags, Backing::Anonymous) }.expect("the place was free a moment ago")
}

/// Where `SPAN` bytes are free.
fn room() -> u64 {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: the kernel chooses free addresses.
    let start = unsafe { mmap(0, SPAN, Prot::NONE, flags, Backing::Anonymous) }.expect("address space");
    // SAFETY: just mapped, and nobody was told.
    unsafe { munmap(start, SPAN) }.expect("it was mapped");
    start
}

impl Memory {
    pub(crate) fn new() -> Self {
        let code = room() + (3 << 30);
        let data = Prot::READ | Prot::WRITE;
        map(code, CODE, data);
        let (near, far, stack) = (code + 0x10_0000, code + FAR, code + 0x20_0000);
        map(near, DATA, data);
        map(far, DATA, data);
        map(stack, STACK, data);
        let low = LINUX_PAGES.reserve_low(TABLES_AT + 2 * TABLE_BYTES as u64).expect("low memory").address;
        Self { code, near, far, stack, low, elsewhere: room() + (3 << 30) }
    }

    pub(crate) fn stack_range(&self) -> AppRange {
        AppRange::new(AppPc::new(self.stack), AppPc::new(self.stack + STACK))
    }

    pub(crate) fn doors(&self) -> u64 {
        self.low + DOORS_AT
    }

    /// Addresses of the tables for returns and for other indirect branches.
    pub(crate) fn tables(&self) -> [u64; 2] {
        [self.low + TABLES_AT, self.low + TABLES_AT + TABLE_BYTES as u64]
    }

    /// Words of this memory that emitted code reads.
    pub(crate) fn words(&self, address: u64, count: usize) -> &'static [AtomicU64] {
        assert!(address >= self.low && address.is_multiple_of(8));
        // SAFETY: low memory is mapped for ever, aligned, and long enough for what is asked for here.
        unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address as usize), count) }
    }

    /// The pieces that programs change.
    fn pieces(&self) -> [(u64, u64); 3] {
        [(self.near, DATA), (self.far, DATA), (self.stack, STACK)]
    }

    /// Puts the program's code where it runs.
    pub(crate) fn place(&mut self, program: &Program) {
        self.protect(Prot::READ | Prot::WRITE);
        self.write(self.code, &vec![0xf4; CODE as usize]);
        for block in &program.blocks {
            self.write(block.start, &block.code);
        }
        self.protect(Prot::READ | Prot::EXEC);
    }

    fn protect(&mut self, prot: Prot) {
        // SAFETY: our own pages, which nobody runs or borrows now.
        unsafe { mprotect(self.code, CODE, prot) }.expect("the code is mapped");
    }

    /// Fills data and stack with words, some of which are addresses of data and of blocks.
    pub(crate) fn fill(&mut self, random: &mut Random) {
        let blocks: Vec<u64> =
            (0..crate::generate::BLOCKS).map(|n| self.code + n * crate::generate::STRIDE).collect();
        for (start, bytes) in self.pieces() {
            for at in (start..start + bytes).step_by(8) {
                let word = match random.below(4) {
                    0 => random.next_u64() >> 17,
                    1 => random.below(256),
                    2 => self.near + random.below(DATA),
                    _ => blocks[random.below(blocks.len() as u64) as usize],
                };
                self.write(at, &word.to_le_bytes());
            }
        }
    }

    /// What programs changed.
    pub(crate) fn save(&self) -> Vec<u8> {
        self.pieces().into_iter().flat_map(|(start, bytes)| self.read(start, bytes)).collect()
    }

    /// As it was when it was saved.
    pub(crate) fn restore(&mut self, saved: &[u8]) {
        let mut rest = saved;
        for (start, bytes) in self.pieces() {
            let (piece, behind) = rest.split_at(bytes as usize);
            self.write(start, piece);
            rest = behind;
        }
    }

    fn read(&self, address: u64, bytes: u64) -> Vec<u8> {
        let from = std::ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: one of our pieces, mapped and readable; no code runs now.
        unsafe { std::slice::from_raw_parts(from, bytes as usize) }.to_vec()
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        let to = std::ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: inside one of our pieces, mapped and writable; no code runs now.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }
}
