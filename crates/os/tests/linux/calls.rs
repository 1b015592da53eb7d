//! Files, clocks, threads, futexes and maps on a real kernel.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};

use midstride_os::futex::{Scope, wait, wake};
use midstride_os::maps::for_each_mapping;
use midstride_os::mem::Prot;
use midstride_os::thread::{SegmentBase, gettid, segment_base, set_segment_base, tgkill};
use midstride_os::time::{Clock, Timespec, clock_gettime};
use midstride_os::{Errno, file, nr, thread};

/// A file that is gone when the test ends.
fn scratch(name: &str) -> (std::path::PathBuf, std::ffi::CString) {
    let path = std::env::temp_dir().join(format!("midstride-os-{}-{name}", std::process::id()));
    let c_path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    (path, c_path)
}

#[test]
fn files_are_written_and_read_where_we_say() {
    let (path, c_path) = scratch("file");
    let fd =
        file::openat(file::AT_FDCWD, &c_path, file::O_RDWR | file::O_CREAT | file::O_TRUNC, 0o600).unwrap();
    file::write_all(fd, b"hello world").unwrap();
    assert_eq!(file::pwrite(fd, b"W", 6), Ok(1));
    let mut text = [0; 16];
    assert_eq!(file::pread(fd, &mut text, 6), Ok(5));
    assert_eq!(&text[..5], b"World");
    assert_eq!(file::read(fd, &mut text), Ok(0), "the position is at the end still");
    let stat = file::fstat(fd).unwrap();
    assert_eq!((stat.size, stat.mode & 0o7777, stat.nlink), (11, 0o600, 1));
    file::close(fd).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"hello World");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn links_are_read_and_cut_to_the_buffer() {
    let (path, c_path) = scratch("link");
    std::os::unix::fs::symlink("/some/target", &path).unwrap();
    let mut target = [0; 64];
    assert_eq!(file::readlinkat(file::AT_FDCWD, &c_path, &mut target), Ok(12));
    assert_eq!(&target[..12], b"/some/target");
    assert_eq!(file::readlinkat(file::AT_FDCWD, &c_path, &mut target[..5]), Ok(5));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn errors_have_the_kernels_numbers() {
    assert_eq!(file::close(-1), Err(Errno::EBADF));
    assert_eq!(file::openat(file::AT_FDCWD, c"/dev/null/x", 0, 0), Err(Errno::ENOTDIR));
    assert_eq!(tgkill(thread::getpid(), gettid(), 65), Err(Errno::EINVAL));
}

#[test]
fn writing_to_a_full_pipe_end_is_reported() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    // std ignores SIGPIPE, so the error arrives.
    assert_eq!(file::write_all(writer.as_raw_fd(), b"x"), Err(Errno::EPIPE));
}

#[test]
fn identities_are_those_of_this_thread() {
    assert_eq!(thread::getpid() as u32, std::process::id());
    assert_eq!(thread::getppid() as u32, std::os::unix::process::parent_id());
    let here = gettid();
    let there = std::thread::spawn(gettid).join().unwrap();
    assert_ne!(here, there);
    assert_eq!(tgkill(thread::getpid(), here, 0), Ok(()));
}

#[test]
fn fs_points_to_this_threads_storage_and_gs_is_free() {
    let fs = segment_base(SegmentBase::Fs).unwrap();
    let own: u64;
    // SAFETY: the first word of the thread control block is its own address (x86-64 TLS ABI).
    unsafe { std::arch::asm!("mov {}, fs:[0]", out(reg) own, options(nostack, readonly)) };
    assert_eq!(fs, own);
    // SAFETY: nothing in this program uses GS.
    unsafe { set_segment_base(SegmentBase::Gs, 0x1234_5000) }.unwrap();
    assert_eq!(segment_base(SegmentBase::Gs), Ok(0x1234_5000));
    // SAFETY: as above.
    unsafe { set_segment_base(SegmentBase::Gs, 0) }.unwrap();
    // SAFETY: refused, so nothing changes.
    assert_eq!(unsafe { set_segment_base(SegmentBase::Gs, u64::MAX) }, Err(Errno::EPERM));
}

#[test]
fn prctl_passes_its_arguments() {
    const PR_SET_NAME: u32 = 15;
    const PR_GET_NAME: u32 = 16;
    let mut name = *b"four words here\0";
    let at = name.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the kernel reads 16 bytes.
    unsafe { thread::prctl(PR_SET_NAME, [at, 0, 0, 0]) }.unwrap();
    let read = std::fs::read(format!("/proc/self/task/{}/comm", gettid())).unwrap();
    assert_eq!(read, b"four words here\n");
    name = [0; 16];
    // SAFETY: the kernel writes 16 bytes.
    unsafe { thread::prctl(PR_GET_NAME, [name.as_mut_ptr().expose_provenance() as u64, 0, 0, 0]) }.unwrap();
    assert_eq!(&name, b"four words here\0");
}

#[test]
fn a_monotonic_clock_does_not_go_back() {
    let times = [(); 3].map(|()| clock_gettime(Clock::Monotonic).unwrap());
    assert!(times.is_sorted() && times[0].nsec < 1_000_000_000);
    assert_eq!(Timespec::from_nanos(1_500_000_000), Timespec { sec: 1, nsec: 500_000_000 });
    assert_eq!(Timespec { sec: 2, nsec: 1 }.as_nanos(), 2_000_000_001);
}

#[test]
fn a_futex_that_changed_does_not_sleep() {
    let word = AtomicU32::new(1);
    assert_eq!(wait(&word, 0, None, Scope::Private), Err(Errno::EAGAIN));
    let short = Timespec::from_nanos(1000);
    for scope in [Scope::Private, Scope::Shared] {
        assert_eq!(wait(&word, 1, Some(&short), scope), Err(Errno::ETIMEDOUT));
        assert_eq!(wake(&word, u32::MAX, scope), Ok(0));
    }
}

#[test]
fn a_sleeper_is_woken() {
    static WORD: AtomicU32 = AtomicU32::new(0);
    let sleeper = std::thread::spawn(|| {
        while WORD.load(Ordering::Acquire) == 0 {
            let _ = wait(&WORD, 0, None, Scope::Private);
        }
    });
    WORD.store(1, Ordering::Release);
    // The sleeper may not sleep yet: then it sees the new value by itself.
    wake(&WORD, 1, Scope::Private).unwrap();
    sleeper.join().unwrap();
}

/// How the mapping that holds `address` is seen with a buffer of `bytes`.
fn mapping_of(address: u64, bytes: usize) -> Result<Option<(Prot, Vec<u8>)>, Errno> {
    let mut found = None;
    for_each_mapping(&mut vec![0; bytes], |entry| {
        if (entry.start..entry.end).contains(&address) {
            found = Some((entry.prot, entry.path.to_vec()));
        }
    })?;
    Ok(found)
}

#[test]
fn our_own_code_and_stack_are_mapped() {
    let code = mapping_of as *const () as u64;
    let (prot, path) = mapping_of(code, 8192).unwrap().expect("code is mapped");
    assert_eq!(prot, Prot::READ | Prot::EXEC);
    assert_eq!(path, std::env::current_exe().unwrap().into_os_string().into_encoded_bytes());
    // Lines are put together across small buffers too.
    assert_eq!(mapping_of(code, path.len() + 100).unwrap(), Some((prot, path)));
    assert_eq!(mapping_of(0, 8192), Ok(None));
    assert_eq!(mapping_of(code, 16), Err(Errno::ENOBUFS));
}

/// `#define <prefix>NAME number` lines of a header.
fn defines(header: &str, prefix: &str) -> Vec<(String, u64)> {
    let define = |line: &str| {
        let mut words = line.strip_prefix("#define ")?.split_whitespace();
        let name = words.next()?.strip_prefix(prefix)?.to_string();
        Some((name, words.next()?.parse().ok()?))
    };
    std::fs::read_to_string(header).unwrap_or_default().lines().filter_map(define).collect()
}

#[test]
fn system_call_numbers_are_those_of_the_headers() {
    let known = defines("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "__NR_");
    if known.is_empty() {
        eprintln!("not run: no kernel headers");
    }
    for (name, number) in known {
        assert!(nr::name(number) == Some(&name) || number > nr::highest(), "{name} {number}");
    }
}

#[test]
fn error_numbers_are_those_of_the_headers() {
    let mut known = defines("/usr/include/asm-generic/errno-base.h", "E");
    known.extend(defines("/usr/include/asm-generic/errno.h", "E"));
    if known.is_empty() {
        eprintln!("not run: no kernel headers");
    }
    for (name, number) in known {
        assert_eq!(Errno::new(number as i32).name(), Some(&*format!("E{name}")));
    }
}

#[test]
fn numbers_without_names_have_none() {
    assert_eq!((nr::name(337), nr::name(423), nr::name(u64::MAX)), (None, None, None));
    assert_eq!(nr::name(nr::highest()), Some("listns"));
    assert_eq!(Errno::new(4000).name(), None);
    assert_eq!(Errno::new(4000).to_string(), "error number 0xfa0");
}

#[test]
fn answers_between_minus_4095_and_minus_1_are_errors() {
    let answers = [0, -1, -4095, -4096, i64::MIN].map(midstride_os::answer);
    assert_eq!(answers[1], Err(Errno::EPERM));
    assert_eq!(answers[2], Err(Errno::new(4095)));
    assert_eq!((answers[0], answers[3], answers[4]), (Ok(0), Ok(-4096i64 as u64), Ok(1 << 63)));
}
