//! The memory that compared code lives in: code, data near and far, a stack, data below 2 GiB.
#![allow(unsafe_code, reason = "maps pages at chosen places and copies to and from them")]

use std::ptr::{copy_nonoverlapping, with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::{Mutex, PoisonError};

use midstride_addr::{AppPc, AppRange};
use midstride_block::{AppCode, copy_code};
use midstride_os::LINUX_PAGES;
use midstride_os::mem::{Backing, MapFlags, Prot, RemapFlags, mmap, mprotect, mremap, munmap};
use midstride_slab::PageSource;

use crate::Random;

/// Bytes that code can be placed in.
pub(crate) const CODE_BYTES: u64 = 1 << 20;
/// Bytes of each window on data.
pub(crate) const WINDOW_BYTES: u64 = 4096;
/// From the code to data that it reaches and a code cache below it does not.
const FAR: u64 = 0x7fe0_0000;
/// Room for all of it.
const SPAN: u64 = 6 << 30;

/// A window on data that code can use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Window {
    /// In reach of the code and of a cache next to it.
    Near,
    /// In reach of the code only.
    Far,
    /// Where rsp points.
    Stack,
    /// Below 2 GiB.
    Low,
}

impl Window {
    pub(crate) const ALL: [Self; 4] = [Self::Near, Self::Far, Self::Stack, Self::Low];
}

/// All of it. Stays mapped until the process ends, but for the code.
#[derive(Debug)]
pub(crate) struct World {
    /// Where code runs.
    pub(crate) code: u64,
    /// Where it is written.
    alias: u64,
    windows: [u64; 4],
    /// What the windows hold when a case begins.
    template: Vec<u8>,
    /// Nothing is mapped there, and code is far away.
    pub(crate) elsewhere: u64,
}

fn map(address: u64, bytes: u64, prot: Prot, flags: MapFlags) -> u64 {
    let flags = flags | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
    // SAFETY: without FIXED the kernel takes free addresses only.
    unsafe { mmap(address, bytes, prot, flags, Backing::Anonymous) }.expect("the place was free a moment ago")
}

/// Held from looking for room to mapping it: a thread that looks meanwhile would find the same.
static PLACING: Mutex<()> = Mutex::new(());

/// Where `SPAN` bytes are free.
fn room() -> u64 {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: the kernel chooses free addresses.
    let start = unsafe { mmap(0, SPAN, Prot::NONE, flags, Backing::Anonymous) }.expect("address space");
    // SAFETY: just mapped, and nobody was told.
    unsafe { munmap(start, SPAN) }.expect("it was mapped");
    start
}

/// A second view of shared memory, at `at`, that can be executed.
fn show_executable(alias: u64, at: u64) {
    map(at, CODE_BYTES, Prot::NONE, MapFlags::PRIVATE);
    let flags = RemapFlags::MAYMOVE | RemapFlags::FIXED;
    // SAFETY: an old size of 0 leaves the first view alone; what is at `at` was mapped just now.
    unsafe { mremap(alias, 0, CODE_BYTES, flags, at) }.expect("a second view");
    // SAFETY: nobody uses this view yet.
    unsafe { mprotect(at, CODE_BYTES, Prot::READ | Prot::EXEC) }.expect("it may be executed");
}

impl World {
    pub(crate) fn new(random: &mut Random) -> Self {
        let data = Prot::READ | Prot::WRITE;
        let flags = MapFlags::SHARED | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses a free place.
        let alias =
            unsafe { mmap(0, CODE_BYTES, data, flags, Backing::Anonymous) }.expect("memory for the code");
        let placing = PLACING.lock().unwrap_or_else(PoisonError::into_inner);
        let code = room() + (3 << 30);
        show_executable(alias, code);
        let low = LINUX_PAGES.reserve_low(WINDOW_BYTES).expect("low memory").address;
        let places = [code + 0x40_0000, code + FAR, code + 0x60_0000];
        let [near, far, stack] = places.map(|at| map(at, WINDOW_BYTES, data, MapFlags::PRIVATE));
        drop(placing);
        let elsewhere = room() + (3 << 30);
        let template = vec![0; Window::ALL.len() * WINDOW_BYTES as usize];
        let mut world = Self { code, alias, windows: [near, far, stack, low], template, elsewhere };
        world.fill(random);
        world
    }

    /// First address of a window.
    pub(crate) fn window(&self, window: Window) -> u64 {
        self.windows[window as usize]
    }

    pub(crate) fn code_range(&self) -> AppRange {
        AppRange::new(AppPc::new(self.code), AppPc::new(self.code + CODE_BYTES))
    }

    /// What the windows hold from now on when a case begins: big and small numbers, floats, addresses.
    pub(crate) fn fill(&mut self, random: &mut Random) {
        for at in (0..self.template.len()).step_by(8) {
            let word = match random.below(6) {
                0 => random.next_u64(),
                1 => random.below(256),
                2 => (random.below(2000) as f64 / 7.0 - 100.0).to_bits(),
                3 => u64::from((random.below(2000) as f32 / 7.0 - 100.0).to_bits()) * 0x1_0000_0001,
                4 => self.windows[0] + random.below(WINDOW_BYTES),
                _ => 0,
            };
            self.template[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
    }

    /// Lets the windows be as when a case begins.
    pub(crate) fn restore(&mut self) {
        for (&start, own) in self.windows.iter().zip(self.template.chunks_exact(WINDOW_BYTES as usize)) {
            let to = with_exposed_provenance_mut::<u8>(start as usize);
            // SAFETY: a window is mapped, writable and this long; no code runs now.
            unsafe { copy_nonoverlapping(own.as_ptr(), to, own.len()) };
        }
    }

    /// Writes a word, if there is room for it in a window.
    pub(crate) fn poke(&mut self, address: u64, word: u64) {
        if self.holds(address, 8) {
            let to = with_exposed_provenance_mut::<u64>(address as usize);
            // SAFETY: inside of a window; no code runs now.
            unsafe { to.write_unaligned(word) };
        }
    }

    /// The word at an address, if it lies in a window or in the code, where a stack pointer can lead too.
    pub(crate) fn peek(&self, address: u64) -> Option<u64> {
        if let Some(code) = self.code_at(address, 8).first_chunk() {
            return Some(u64::from_le_bytes(*code));
        }
        let from = with_exposed_provenance::<u64>(address as usize);
        // SAFETY: inside of a window; no code runs now.
        self.holds(address, 8).then(|| unsafe { from.read_unaligned() })
    }

    /// Whether a window has an address.
    pub(crate) fn is_in_window(&self, address: u64) -> bool {
        self.holds(address, 1)
    }

    fn holds(&self, address: u64, bytes: u64) -> bool {
        self.windows.iter().any(|start| address.wrapping_sub(*start) <= WINDOW_BYTES - bytes)
    }

    /// What the windows hold now.
    pub(crate) fn save(&self, to: &mut Vec<u8>) {
        to.clear();
        self.windows.iter().for_each(|start| to.extend_from_slice(bytes_at(*start, WINDOW_BYTES)));
    }

    /// The address that an offset into what was [saved](Self::save) stands for.
    pub(crate) fn address_of(&self, offset: usize) -> u64 {
        let window = WINDOW_BYTES as usize;
        self.windows[offset / window] + (offset % window) as u64
    }

    /// Writes code at an address where it will run.
    ///
    /// # Panics
    /// When it does not lie where code can.
    pub(crate) fn place(&mut self, address: u64, code: &[u8]) {
        let offset = address.wrapping_sub(self.code);
        assert!(offset <= CODE_BYTES - code.len() as u64, "code at {address:#x} is out of place");
        let to = with_exposed_provenance_mut::<u8>((self.alias + offset) as usize);
        // SAFETY: inside of the writable view, as checked; no code runs now.
        unsafe { copy_nonoverlapping(code.as_ptr(), to, code.len()) };
    }

    /// The code at an address.
    pub(crate) fn code_at(&self, address: u64, bytes: u64) -> &[u8] {
        let offset = address.wrapping_sub(self.code);
        let bytes = CODE_BYTES.saturating_sub(offset).min(bytes);
        if bytes == 0 { &[] } else { bytes_at(self.alias + offset, bytes) }
    }
}

/// Bytes of this module's own mappings, while no code runs.
fn bytes_at<'b>(address: u64, bytes: u64) -> &'b [u8] {
    let from = with_exposed_provenance::<u8>(address as usize);
    // SAFETY: callers pass parts of windows and of the writable view of the code, which stay mapped; all that
    // borrows them is done before code runs again.
    unsafe { std::slice::from_raw_parts(from, bytes as usize) }
}

impl AppCode for World {
    fn read(&self, pc: AppPc, code: &mut [u8]) -> usize {
        copy_code(self.code_at(pc.get(), code.len() as u64), code)
    }
}
