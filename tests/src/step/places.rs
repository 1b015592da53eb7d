//! Which file an address belongs to, and what is there.

use std::collections::HashMap;
use std::fs;

use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::decode::{self, Kind};
use crate::proc;

/// Where an address lies: the file and the address where its first mapping starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) base: u64,
}

/// What was found out about a process's addresses so far. The code must not change.
#[derive(Debug, Default)]
pub(super) struct Places {
    pages: HashMap<u64, Option<usize>>,
    places: Vec<Place>,
    kinds: HashMap<u64, (usize, Kind)>,
}

impl Places {
    /// The file that `address` of `pid` lies in; `None` when it lies in none.
    pub(super) fn of(&mut self, pid: Pid, address: u64) -> Option<&Place> {
        let page = address >> 12;
        if !self.pages.contains_key(&page) {
            let found = self.look_up(pid, address);
            self.pages.insert(page, found);
        }
        self.pages[&page].map(|index| &self.places[index])
    }

    fn look_up(&mut self, pid: Pid, address: u64) -> Option<usize> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        let path = path_of(proc::mapping_of(&maps, address)?)?;
        let first = maps.lines().find(|line| path_of(line) == Some(path))?;
        let base = u64::from_str_radix(first.split('-').next()?, 16).ok()?;
        let place = Place { path: path.to_owned(), base };
        let known = self.places.iter().position(|known| *known == place);
        Some(known.unwrap_or_else(|| {
            self.places.push(place);
            self.places.len() - 1
        }))
    }

    /// Length and kind of the instruction at `address` of the stopped thread `tid`.
    pub(super) fn kind(&mut self, tid: Pid, address: u64) -> (usize, Kind) {
        *self.kinds.entry(address).or_insert_with(|| {
            let words = [0, 8].map(|offset| ptrace::read(tid, (address + offset) as ptrace::AddressType));
            let bytes: Vec<u8> =
                words.iter().map_while(|word| word.ok()).flat_map(i64::to_le_bytes).collect();
            decode::kind(&bytes, address)
        })
    }
}

fn path_of(line: &str) -> Option<&str> {
    line.find('/').map(|start| &line[start..])
}
