//! Counts words: reads a file and its input, writes a file, collects what threads would not.

use std::collections::BTreeMap;
use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let mut text = std::fs::read_to_string(std::env::args().nth(1).unwrap_or_default())?;
    std::io::stdin().read_to_string(&mut text)?;
    let mut words: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for (place, word) in text.split_whitespace().enumerate() {
        let entry = words.entry(word).or_default();
        *entry = (entry.0 + 1, entry.1 + (place as f64).sqrt());
    }
    std::fs::create_dir_all("out/deep")?;
    let mut file = std::fs::File::create("out/deep/words")?;
    for (word, (count, sum)) in &words {
        writeln!(file, "{word} {count} {sum:.6}")?;
    }
    drop(file);
    let sizes: Vec<_> = std::fs::read_dir("out/deep")?.map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    println!("{} words, files of {sizes:?}", words.len());
    let missing = std::fs::read("missing").unwrap_err();
    println!("{:?}", missing.kind());
    std::process::exit((words.len() % 100) as i32)
}
