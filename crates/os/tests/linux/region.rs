//! Code regions on real pages: code runs, pages are never writable and executable at once, limits
//! shrink a region.

use midstride_os::LINUX_PAGES;
use midstride_os::maps::{MapEntries, MapEntry};
use midstride_os::mem::Prot;
use midstride_slab::{LOW_START, PageSource, Place, Region, Sizes, Slab, Window};

use crate::common::{RLIMIT_AS, in_child, limit, near_here, range, small};

/// `mov eax, value; ret`
fn returns(value: u32) -> [u8; 6] {
    let [a, b, c, d] = value.to_le_bytes();
    [0xb8, a, b, c, d, 0xc3]
}

#[test]
fn written_code_runs_and_a_patched_word_changes_it() {
    let mut region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 4).unwrap();
    let mut span = region.unit(1).unwrap().alloc_hot(8, 8).unwrap();
    region.write(&mut span, &returns(41)).unwrap();
    let at = span.publish().exec().start();
    // SAFETY: the bytes are a function that takes nothing and returns a number.
    let run: extern "C" fn() -> u32 = unsafe { std::mem::transmute(at.get() as usize) };
    assert_eq!(run(), 41);

    let old = region.read_word(at).unwrap();
    // SAFETY: nobody runs it at the moment, and the new word is a whole function.
    unsafe { region.patch_word(at, old + (1 << 8)) }.unwrap();
    assert_eq!(run(), 42);
}

#[test]
fn a_thread_in_patched_code_runs_the_old_or_the_new() {
    let mut region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 1).unwrap();
    let mut span = region.unit(0).unwrap().alloc_hot(8, 8).unwrap();
    let versions = [0x1111_1111, 0x2222_2222];
    region.write(&mut span, &returns(versions[0])).unwrap();
    let at = span.publish().exec().start();
    let words = versions.map(|value| u64::from(value) << 8 | 0xb8 | 0xc3 << 40);
    // SAFETY: the bytes are a function that takes nothing and returns a number.
    let run: extern "C" fn() -> u32 = unsafe { std::mem::transmute(at.get() as usize) };
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..20_000 {
                // SAFETY: both words are the whole function.
                unsafe { region.patch_word(at, words[round & 1]) }.unwrap();
            }
            stop.store(true, std::sync::atomic::Ordering::Release);
        });
        while !stop.load(std::sync::atomic::Ordering::Acquire) {
            let value = run();
            assert!(versions.contains(&value), "{value:#x}");
        }
    });
}

#[test]
fn code_reaches_data_by_a_rip_relative_load() {
    let mut region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 1).unwrap();
    let slot = region.unit(0).unwrap().alloc_data(8, 8).unwrap();
    // SAFETY: the span's 8 bytes are this test's.
    unsafe { slot.pointer().cast::<u64>().write(0x1122_3344_5566_7788) };
    let mut span = region.unit(0).unwrap().alloc_cold(8, 16).unwrap();
    let at = span.exec().start().get();
    let distance = (slot.range().start().get() - (at + 7)) as u32;
    // mov rax, [rip + distance]; ret
    let mut code = vec![0x48, 0x8b, 0x05];
    code.extend(distance.to_le_bytes());
    code.push(0xc3);
    region.write(&mut span, &code).unwrap();
    let _ = span.publish();
    // SAFETY: the bytes are a function that takes nothing and returns a number.
    let run: extern "C" fn() -> u64 = unsafe { std::mem::transmute(at as usize) };
    assert_eq!(run(), 0x1122_3344_5566_7788);
}

/// Calls `check` with every mapping that has a byte in `start..end`.
fn mappings_in(start: u64, end: u64, mut check: impl FnMut(MapEntry<'_>)) -> usize {
    let text = std::fs::read("/proc/self/maps").unwrap();
    MapEntries::new(&text).filter(|e| e.start < end && start < e.end).map(&mut check).count()
}

#[test]
fn no_mapping_is_writable_and_executable() {
    let mut region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 4).unwrap();
    let code = region.slab_range(Slab::Hot).start().get()..region.slab_range(Slab::Cold).end().get();
    let data = region.slab_range(Slab::Data);
    let span = region.unit(0).unwrap().alloc_hot(16, 16).unwrap();
    let executable = Prot::READ | Prot::EXEC;
    let writable = Prot::READ | Prot::WRITE;
    assert_eq!(mappings_in(code.start, code.end, |entry| assert_eq!(entry.prot, executable)), 1);
    assert_eq!(mappings_in(span.alias(), span.alias() + 16, |entry| assert_eq!(entry.prot, writable)), 1);
    let _ = mappings_in(data.start().get(), data.end().get(), |entry| assert_eq!(entry.prot, writable));
}

#[test]
fn a_dropped_region_leaves_no_mapping() {
    // In a process with one thread, where nobody else takes the place meanwhile.
    in_child(|| {
        let before = address_space();
        let region = Region::reserve(&LINUX_PAGES, &near_here(), small(), 4).unwrap();
        let (start, bytes) = (region.range().start().get(), region.range().len());
        drop(region);
        LINUX_PAGES.reserve_at(start, bytes).unwrap();
        assert_eq!(address_space(), before + bytes, "the alias is gone too");
    });
}

#[test]
fn low_memory_is_addressable_by_32_bits() {
    let first = LINUX_PAGES.reserve_low(100).unwrap();
    let second = LINUX_PAGES.reserve_low(100).unwrap();
    for low in [first, second] {
        assert!(low.bytes == 4096 && low.end() <= LOW_START, "{low:x?}");
        // SAFETY: mapped for this test.
        unsafe { low.pointer_to(low.address, 8).unwrap().cast::<u64>().write(1) };
    }
    assert_ne!(first.address, second.address);
    // SAFETY: unused from here on.
    unsafe { LINUX_PAGES.unmap(first) };
    // SAFETY: as above.
    unsafe { LINUX_PAGES.unmap(second) };
}

#[test]
fn hundreds_of_low_blocks_fit() {
    let blocks: Vec<_> = (0..600).map(|_| LINUX_PAGES.reserve_low(64 << 10).unwrap()).collect();
    for block in blocks {
        // SAFETY: mapped above, unused.
        unsafe { LINUX_PAGES.unmap(block) };
    }
}

/// Bytes of address space in use.
fn address_space() -> u64 {
    let mut text = [0u8; 128];
    let fd = midstride_os::file::openat(-100, c"/proc/self/statm", 0, 0).unwrap();
    let len = midstride_os::file::read(fd, &mut text).unwrap();
    let digits = text[..len].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |pages, digit| pages * 10 + u64::from(digit - b'0')) * 4096
}

#[test]
fn an_address_space_limit_makes_the_region_smaller() {
    in_child(|| {
        let asked = Sizes { hot: 64 << 20, cold: 32 << 20, data: 32 << 20 };
        let place = near_here();
        limit(RLIMIT_AS, address_space() + (60 << 20));
        let region = Region::reserve(&LINUX_PAGES, &place, asked, 8).unwrap();
        // 2 * (hot + cold) + data of a quarter is 56 MiB.
        assert_eq!(region.sizes(), Sizes { hot: 16 << 20, cold: 8 << 20, data: 8 << 20 });
    });
}

#[test]
fn an_exhausted_address_space_is_an_error() {
    in_child(|| {
        let place = near_here();
        limit(RLIMIT_AS, address_space());
        let refused = Region::reserve(&LINUX_PAGES, &place, small(), 4).unwrap_err();
        assert!(matches!(refused, midstride_slab::AllocError::Pages(_)), "{refused:?}");
    });
}

#[test]
fn a_region_beside_low_code_lies_in_the_low_2_gib() {
    let code = midstride_slab::Place::near(range(0x40_0000, 0x60_0000)).within(Window::LOW);
    let region = Region::reserve(&LINUX_PAGES, &code, small(), 4).unwrap();
    assert!(region.range().end().get() <= 0x8000_0000, "{region:?}");
}

#[test]
fn many_regions_find_places_beside_the_same_code() {
    let place: Place<'_> = near_here();
    let regions: Vec<_> =
        (0..50).map(|_| Region::reserve(&LINUX_PAGES, &place, small(), 4).unwrap()).collect();
    let window = place.window();
    for region in &regions {
        assert!(window.holds(region.range().start().get(), region.range().len()));
    }
}
