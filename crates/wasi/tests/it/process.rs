//! Arguments, environment, clocks, random numbers, the end; and waiting.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use midstride_wasi::{Builder, Errno, Exit, Frozen, Stream, Streams, Wasi};

use crate::harness::*;

#[test]
fn arguments_and_environment_come_as_strings() {
    let builder = Builder::new().args(["prog", "", "x y"]).env("A", "1").env("B", "").env("A", "2");
    let mut guest = Guest::new(builder);
    for (sizes, get, wanted) in [
        ("args_sizes_get", "args_get", vec!["prog", "", "x y"]),
        ("environ_sizes_get", "environ_get", vec!["B=", "A=2"]),
    ] {
        guest.ok(sizes, &[OUT.into(), u64::from(OUT) + 4]);
        let (count, bytes) = (guest.u32(OUT), guest.u32(OUT + 4));
        assert_eq!(count as usize, wanted.len());
        guest.ok(get, &[0x800, BUFFER.into()]);
        let text = wanted.iter().map(|text| format!("{text}\0")).collect::<String>();
        assert_eq!(guest.bytes(BUFFER, bytes as usize), text.as_bytes());
        let pointers: Vec<u32> = (0..count).map(|index| guest.u32(0x800 + index * 4)).collect();
        assert_eq!(pointers[0], BUFFER);
        assert_eq!(pointers[1], BUFFER + wanted[0].len() as u32 + 1);
    }
}

#[test]
fn text_that_a_guest_cannot_see_is_refused() {
    assert!(Builder::new().args(["a\0b"]).build().is_err());
    assert!(Builder::new().env("", "x").build().is_err());
    assert!(Builder::new().env("A", "a\0b").build().is_err());
}

#[test]
fn clocks_go_forward() {
    let mut guest = Guest::new(Builder::new());
    for clock in 0..4 {
        guest.ok("clock_time_get", &[clock, 0, OUT.into()]);
        let before = guest.u64(OUT);
        guest.ok("clock_time_get", &[clock, 0, OUT.into()]);
        assert!(guest.u64(OUT) >= before);
        guest.ok("clock_res_get", &[clock, OUT.into()]);
        assert!(guest.u64(OUT) > 0);
    }
    assert_eq!(guest.call("clock_time_get", &[4, 0, OUT.into()]), Errno::Inval);
}

#[test]
fn the_end_keeps_its_status() {
    let mut guest = Guest::new(Builder::new());
    assert_eq!(guest.try_call("proc_exit", &[42]), Err(Exit::Process { code: 42 }));
    assert_eq!(guest.wasi.exit_code(), Some(42));
    guest.ok("sched_yield", &[]);
    assert_eq!(guest.call("proc_raise", &[9]), Errno::NotSup);
    assert_eq!(guest.try_call("proc_exit", &[]), Err(Exit::Arguments { wanted: 1, found: 0 }));
}

#[test]
fn random_numbers_follow_their_seed_through_a_thaw() {
    let mut one = Guest::new(Builder::new().random_seed(7));
    let mut two = Guest::new(Builder::new().random_seed(7));
    one.ok("random_get", &[BUFFER.into(), 5000]);
    two.ok("random_get", &[BUFFER.into(), 5000]);
    assert_eq!(one.memory, two.memory);
    two.wasi = thawed(&two.wasi);
    one.ok("random_get", &[0, 64]);
    two.ok("random_get", &[0, 64]);
    assert_eq!(one.memory, two.memory);
    let mut other = Guest::new(Builder::new());
    other.ok("random_get", &[0, 64]);
    assert_ne!(one.bytes(0, 64), other.bytes(0, 64));
}

fn thawed(wasi: &Wasi) -> Wasi {
    Frozen::from_bytes(&wasi.freeze().unwrap().to_bytes()).unwrap().thaw(Streams::default()).unwrap()
}

const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;

/// Lays out subscriptions: kind, clock or descriptor, timeout, flags.
fn subscribe(guest: &mut Guest, subscriptions: &[(u8, u32, u64, u16)]) -> [u64; 4] {
    for (index, &(kind, id, timeout, flags)) in (0..).zip(subscriptions) {
        let mut record = [0; 48];
        record[0] = 0x70 + index as u8;
        record[8] = kind;
        record[16..20].copy_from_slice(&id.to_le_bytes());
        record[24..32].copy_from_slice(&timeout.to_le_bytes());
        record[40..42].copy_from_slice(&flags.to_le_bytes());
        guest.put(0x1000 + index * 48, &record);
    }
    [0x1000, BUFFER.into(), subscriptions.len() as u64, OUT.into()]
}

/// What happened: userdata, error, kind, bytes.
fn events(guest: &Guest) -> Vec<(u64, u16, u8, u64)> {
    let event = |index| {
        let at = BUFFER + index * 32;
        let words = guest.u32(at + 8);
        (guest.u64(at), words as u16, (words >> 16) as u8, guest.u64(at + 16))
    };
    (0..guest.u32(OUT)).map(event).collect()
}

#[test]
fn poll_waits_until_the_time_is_over() {
    let mut guest = Guest::new(Builder::new());
    let args = subscribe(&mut guest, &[(CLOCK, 1, u64::MAX, 0), (CLOCK, 0, 20_000_000, 0)]);
    let start = Instant::now();
    guest.ok("poll_oneoff", &args);
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(events(&guest), [(0x71, 0, CLOCK, 0)]);
    let args = subscribe(&mut guest, &[(CLOCK, 0, 1, 1)]);
    guest.ok("poll_oneoff", &args);
    assert_eq!(events(&guest), [(0x70, 0, CLOCK, 0)], "a date long ago");
}

/// What is ready, what is wrong, and what is far away.
const WISHES: [(u8, u32, u64, u16); 6] = [
    (FD_READ, 0, 0, 0),
    (FD_WRITE, 1, 0, 0),
    (FD_READ, 55, 0, 0),
    (CLOCK, 9, 0, 0),
    (CLOCK, 2, 0, 0),
    (CLOCK, 1, 3_600_000_000_000, 0),
];

#[test]
fn poll_tells_what_is_ready_and_what_is_wrong() {
    let (read, mut write) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut write, b"12345").unwrap();
    let mut guest = Guest::new(Builder::new().stdin(Stream::Handle(OwnedFd::from(read))));
    let args = subscribe(&mut guest, &WISHES);
    guest.ok("poll_oneoff", &args);
    let (badf, inval, unsupported) = (8, 28, 58);
    assert_eq!(
        events(&guest),
        [
            (0x70, 0, FD_READ, 5),
            (0x71, 0, FD_WRITE, 0),
            (0x72, badf, FD_READ, 0),
            (0x73, inval, CLOCK, 0),
            (0x74, unsupported, CLOCK, 0)
        ]
    );
    assert_eq!(guest.call("poll_oneoff", &[0x1000, BUFFER.into(), 0, OUT.into()]), Errno::Inval);
    let args = subscribe(&mut guest, &[(3, 0, 0, 0)]);
    assert_eq!(guest.call("poll_oneoff", &args), Errno::Inval);
}

/// Raises the guest's interrupt from another thread after a while.
fn interrupt_soon(guest: &Guest) -> std::thread::JoinHandle<()> {
    let interrupt = guest.wasi.interrupt();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        interrupt.raise();
    })
}

#[test]
fn a_poll_of_an_hour_is_interrupted_at_once() {
    let mut guest = Guest::new(Builder::new());
    let args = subscribe(&mut guest, &[(CLOCK, 1, 3_600_000_000_000, 0)]);
    let other = interrupt_soon(&guest);
    assert_eq!(guest.try_call("poll_oneoff", &args), Err(Exit::Interrupted));
    other.join().unwrap();
    assert_eq!(guest.try_call("poll_oneoff", &args), Err(Exit::Interrupted), "until it is cleared");
}

#[test]
fn an_interrupted_poll_goes_on_after_a_thaw_with_the_time_that_is_left() {
    let mut guest = Guest::new(Builder::new());
    let timeout = Duration::from_millis(400);
    let args = subscribe(&mut guest, &[(CLOCK, 1, timeout.as_nanos() as u64, 0)]);
    let start = Instant::now();
    interrupt_soon(&guest).join().unwrap();
    std::thread::sleep(Duration::from_millis(120));
    guest.wasi.interrupt().clear();
    let interrupt = guest.wasi.interrupt();
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(250));
        interrupt.raise();
    });
    assert_eq!(guest.try_call("poll_oneoff", &args), Err(Exit::Interrupted));
    other.join().unwrap();
    let waited = start.elapsed() - Duration::from_millis(150);
    guest.wasi = thawed(&guest.wasi);
    let again = Instant::now();
    guest.ok("poll_oneoff", &args);
    let rest = timeout.saturating_sub(waited);
    assert!(again.elapsed() < timeout - Duration::from_millis(200), "it began anew: {:?}", again.elapsed());
    assert!(again.elapsed() + Duration::from_millis(50) >= rest, "too early: {:?}", again.elapsed());
}

#[test]
fn another_call_forgets_the_interrupted_one() {
    let mut guest = Guest::new(Builder::new());
    let args = subscribe(&mut guest, &[(CLOCK, 1, 40_000_000, 0)]);
    guest.wasi.interrupt().raise();
    assert_eq!(guest.try_call("poll_oneoff", &args), Err(Exit::Interrupted));
    guest.wasi.interrupt().clear();
    std::thread::sleep(Duration::from_millis(50));
    guest.ok("sched_yield", &[]);
    let start = Instant::now();
    guest.ok("poll_oneoff", &args);
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[test]
fn a_read_of_an_empty_pipe_is_interrupted_and_made_again() {
    let (read, mut write) = std::io::pipe().unwrap();
    let mut guest = Guest::new(Builder::new().stdin(Stream::Handle(OwnedFd::from(read))));
    let other = interrupt_soon(&guest);
    assert_eq!(guest.try_read(0, 9), Err(Exit::Interrupted));
    other.join().unwrap();
    std::io::Write::write_all(&mut write, b"late").unwrap();
    assert_eq!(guest.try_read(0, 9), Ok(Ok(b"late".to_vec())), "what is there is read, interrupted or not");
}

#[test]
fn a_write_to_a_full_pipe_is_interrupted_and_writes_the_rest_when_it_is_made_again() {
    let (mut read, write) = std::io::pipe().unwrap();
    let mut guest = Guest::new(Builder::new().stdout(Stream::Handle(OwnedFd::from(write))));
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n / 7) as u8).collect();
    guest.memory.resize(1 << 20, 0);
    guest.put(BUFFER, &bytes);
    guest.put(0x1000, &[BUFFER.to_le_bytes(), 100_000_u32.to_le_bytes()].concat());
    let args = [1, 0x1000, 1, OUT.into()];
    let other = interrupt_soon(&guest);
    assert_eq!(guest.try_call("fd_write", &args), Err(Exit::Interrupted));
    other.join().unwrap();
    assert_eq!(guest.try_call("fd_write", &args), Err(Exit::Interrupted), "nothing has been read");
    guest.wasi.interrupt().clear();
    let reader = std::thread::spawn(move || {
        let mut all = vec![0; 100_000];
        std::io::Read::read_exact(&mut read, &mut all).map(|()| all)
    });
    guest.ok("fd_write", &args);
    assert_eq!(guest.u32(OUT), 100_000, "the guest sees one whole write");
    assert_eq!(reader.join().unwrap().unwrap(), bytes);
}

/// Programs that wrote to the null device flushed every line.
#[test]
fn only_terminals_look_like_terminals() {
    let character_device = 2;
    let (seek, tell) = (1 << 2, 1 << 5);
    for (device, rights) in [("/dev/ptmx", 0), ("/dev/null", seek | tell)] {
        let file = std::fs::File::options().read(true).write(true).open(device).unwrap();
        let mut guest = Guest::new(Builder::new().stdout(Stream::Handle(OwnedFd::from(file))));
        guest.ok("fd_fdstat_get", &[1, OUT.into()]);
        assert_eq!(guest.bytes(OUT, 1), [character_device], "{device}");
        assert_eq!(guest.u64(OUT + 8) & (seek | tell), rights, "{device}");
        assert_eq!(guest.seek(1, 0, 1), Err(Errno::Spipe), "{device}");
    }
}
