//! Which addresses to try: pure arithmetic, no memory.

use midstride_addr::{AppPc, AppRange};

/// Regions start at multiples of this many bytes.
const ALIGN: u64 = 64 << 10;
/// The first distance between two candidates; later ones are an eighth of the way gone.
const STEP: u64 = 1 << 20;
/// Kept free at both ends of the reach of a 32-bit displacement, for operands that point a little
/// outside the code that was named.
const SLACK: u64 = 1 << 20;
/// Where [`PageSource::reserve_low`](crate::PageSource::reserve_low) looks first. The 256 MiB above,
/// up to 2 GiB, stay free for a region beside a non-PIE program.
pub const LOW_START: u64 = 0x7000_0000;
/// Linux refuses mappings below (`vm.mmap_min_addr`).
const LOWEST: u64 = 0x1_0000;
/// End of the user half of a 47-bit address space, less the page Linux keeps free.
const HIGHEST_END: u64 = 0x7fff_ffff_f000;

/// An interval of addresses in which every byte of a region has to lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    start: u64,
    end: u64,
}

impl Window {
    /// All that a program can map.
    pub const USER: Self = Self { start: LOWEST, end: HIGHEST_END };
    /// What a sign-extended 32-bit immediate can hold as a positive number.
    pub const LOW: Self = Self { start: LOWEST, end: 0x8000_0000 };

    /// The addresses from `start` to `end` (exclusive) that a program can map.
    #[must_use]
    pub const fn new(start: u64, end: u64) -> Self {
        Self { start, end }.intersect(Self::USER)
    }

    /// The addresses from which, and to which, a 32-bit displacement reaches every byte of `range`,
    /// with 1 MiB to spare.
    #[must_use]
    pub fn reaching(range: AppRange) -> Self {
        let reach = (1u64 << 31) - SLACK;
        let start = range.end().get().saturating_sub(reach);
        Self::new(start, range.start().get().saturating_add(reach))
    }

    /// The addresses in both windows.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        let start = if self.start > other.start { self.start } else { other.start };
        let end = if self.end < other.end { self.end } else { other.end };
        Self { start, end: if end < start { start } else { end } }
    }

    /// The first address.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The first address behind.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Whether the `bytes` from `address` on lie inside.
    #[must_use]
    pub const fn holds(self, address: u64, bytes: u64) -> bool {
        address >= self.start && address <= self.end && bytes <= self.end - address
    }
}

/// Where a region shall lie: which code it has to reach, and what it must keep away from.
///
/// ```
/// use midstride_addr::{AppPc, AppRange};
/// use midstride_slab::{Place, Window};
///
/// let program = AppRange::new(AppPc::new(0x40_0000), AppPc::new(0x50_0000));
/// let place = Place::near(program).within(Window::LOW);
/// // Nothing fits below a non-PIE program, so the top of the low 2 GiB comes first.
/// assert_eq!(place.candidates(64 << 20).next(), Some(0x7c00_0000));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    near: AppRange,
    window: Window,
    avoid: &'a [AppRange],
}

impl<'a> Place<'a> {
    /// Within reach of a 32-bit displacement of every byte of `range`.
    #[must_use]
    pub fn near(range: AppRange) -> Self {
        Self { near: range, window: Window::reaching(range), avoid: &[] }
    }

    /// Within reach of one address.
    #[must_use]
    pub fn near_pc(pc: AppPc) -> Self {
        Self::near(AppRange::new(pc, pc))
    }

    /// Inside `window` as well.
    #[must_use]
    pub fn within(self, window: Window) -> Self {
        Self { window: self.window.intersect(window), ..self }
    }

    /// Away from these ranges, free though they may be: room a stack or a heap will grow into.
    #[must_use]
    pub fn avoiding(self, avoid: &'a [AppRange]) -> Self {
        Self { avoid, ..self }
    }

    /// The addresses a region may have.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// The addresses to try for a region of `bytes`, best first.
    ///
    /// First downwards from the code's start, since a heap grows upwards behind a program; then
    /// downwards from the top of the window to the code's end, which keeps the longest way from that
    /// heap. Distances grow by an eighth, so either half takes under 80 tries.
    pub fn candidates(&self, bytes: u64) -> impl Iterator<Item = u64> {
        let Self { near, window, avoid } = *self;
        let below = Window::new(window.start, near.start().get()).intersect(window);
        let above = Window::new(near.end().get(), window.end).intersect(window);
        descending(below, bytes).chain(descending(above, bytes)).filter(move |&address| {
            let candidate = AppRange::new(AppPc::new(address), AppPc::new(address + bytes));
            !avoid.iter().any(|kept| kept.overlaps(candidate))
        })
    }
}

/// Aligned places for `bytes` inside `window`, from its end down, at growing distances.
fn descending(window: Window, bytes: u64) -> impl Iterator<Item = u64> {
    let mut distance = 0u64;
    core::iter::from_fn(move || {
        let address = window.end.checked_sub(bytes)?.checked_sub(distance)? / ALIGN * ALIGN;
        distance += STEP.max(distance / 8);
        window.holds(address, bytes).then_some(address)
    })
}

/// Places for `bytes` below [`LOW_START`]: at growing distances, then side by side. All lie on one
/// grid, so that blocks of one size leave no gaps.
pub(crate) fn low_candidates(bytes: u64) -> impl Iterator<Item = u64> {
    let stride = bytes.next_multiple_of(ALIGN);
    let places = LOW_START.saturating_sub(LOWEST) / stride;
    let growing = core::iter::successors(Some(1), |&n| Some(n + 1.max(n / 8)));
    let growing = growing.take_while(move |&n| n <= places);
    growing.chain(1..=places).map(move |n: u64| LOW_START - n * stride)
}
