//! How numbers are written.

/// A base and how it is marked. The longest mark that fits is taken; digits have to be of the base.
struct Base {
    radix: u32,
    prefix: &'static str,
    suffixes: &'static [&'static str],
}

const BASES: [Base; 4] = [
    Base { radix: 16, prefix: "0x", suffixes: &["h"] },
    Base { radix: 2, prefix: "0b", suffixes: &["b", "y"] },
    Base { radix: 8, prefix: "0o", suffixes: &["o", "q"] },
    Base { radix: 10, prefix: "0d", suffixes: &["d", "t", ""] },
];

/// The value of a number: `10`, `0x1f`, `1fh`, `0b101`, `101b`, `0o17`, `17o`, with `_` between digits.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let suffixed = BASES.iter().flat_map(|base| base.suffixes.iter().map(move |suffix| (base, *suffix)));
    let by_prefix = BASES.iter().find_map(|base| digits(text.strip_prefix(base.prefix)?, base.radix));
    // `0b1h` is hexadecimal: a suffix h decides.
    let hex = text.strip_suffix('h').and_then(|rest| digits(rest, 16));
    let mut by_suffix = suffixed.filter_map(|(base, suffix)| digits(text.strip_suffix(suffix)?, base.radix));
    hex.or(by_prefix).or_else(|| by_suffix.next())
}

fn digits(text: &str, radix: u32) -> Option<u64> {
    let mut value = 0_u64;
    let mut digits = text.chars().filter(|c| *c != '_').peekable();
    digits.peek()?;
    for digit in digits {
        value = value.checked_mul(radix.into())?.checked_add(digit.to_digit(radix)?.into())?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn all_ways_to_write_a_number_are_read() {
        for text in
            ["255", "0xff", "0FFh", "0ffH", "0b1111_1111", "11111111b", "0o377", "377o", "377q", "0d255"]
        {
            assert_eq!(parse(text), Some(255), "{text}");
        }
        assert_eq!(parse("0b1h"), Some(0xb1));
        assert_eq!(parse("18446744073709551615"), Some(u64::MAX));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["0x", "12ab", "0b12", "18446744073709551616", "0xg", "9o", "_"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
