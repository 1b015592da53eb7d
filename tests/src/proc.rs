//! What /proc says about processes and threads.

use std::fs;

/// The children of `pid`'s threads, transitively, each before its own children.
#[must_use]
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut next = 0;
    while next < found.len() {
        let more = children(found[next]);
        found.extend(more);
        next += 1;
    }
    found
}

fn children(pid: u32) -> Vec<u32> {
    let lists = threads(pid).into_iter().map(|tid| format!("/proc/{pid}/task/{tid}/children"));
    let texts: Vec<String> = lists.filter_map(|path| fs::read_to_string(path).ok()).collect();
    texts.iter().flat_map(|text| text.split_whitespace()).filter_map(|word| word.parse().ok()).collect()
}

/// The thread ids of `pid`, ascending.
#[must_use]
pub fn threads(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut tids: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    tids.sort_unstable();
    tids
}

/// The command line of `pid` with spaces between the words, or its name in brackets.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = text
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    if words.is_empty() { format!("[{}]", field(pid, pid, "comm")) } else { words.join(" ") }
}

/// One small file of a thread, trimmed.
#[must_use]
pub fn field(pid: u32, tid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/task/{tid}/{name}")).unwrap_or_default().trim().to_owned()
}

/// The lines of `/proc/PID/task/TID/status` that say what a thread waits for and which signals it has.
#[must_use]
pub fn status_lines(pid: u32, tid: u32) -> Vec<String> {
    const WANTED: [&str; 8] =
        ["State", "TracerPid", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "Seccomp"];
    let text = field(pid, tid, "status");
    let wanted = |line: &&str| WANTED.iter().any(|name| line.split(':').next() == Some(*name));
    text.lines().filter(wanted).map(|line| line.replace('\t', " ")).collect()
}

/// The line of `maps` that contains `address`.
#[must_use]
pub fn mapping_of(maps: &str, address: u64) -> Option<&str> {
    maps.lines().find(|line| {
        let Some((start, end)) = line.split(' ').next().and_then(|range| range.split_once('-')) else {
            return false;
        };
        let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
        (number(start)..number(end)).contains(&address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_its_mapping_only() {
        let maps = "1000-2000 r-xp 00000000 00:00 0 /a\n3000-4000 rw-p 00000000 00:00 0 /b\n";
        assert!(mapping_of(maps, 0x3000).is_some_and(|line| line.ends_with("/b")));
        assert_eq!(mapping_of(maps, 0x2000), None);
    }

    #[test]
    fn the_current_thread_is_one_of_the_process() {
        let pid = std::process::id();
        assert!(threads(pid).contains(&pid));
    }
}
