//! Which modules a report is about.

use std::path::Path;

/// Patterns of modules to report on. `*` stands for any run of characters, `?` for one. A pattern without a
/// slash is compared with the file's name, one with a slash with its whole path.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// When not empty, only modules that match one of these.
    pub include: Vec<String>,
    /// Never modules that match one of these.
    pub exclude: Vec<String>,
}

impl Filter {
    /// Whether blocks of the module at `path` are reported.
    #[must_use]
    pub fn admits(&self, path: &Path) -> bool {
        let whole = path.to_string_lossy();
        let name = whole.rsplit('/').next().unwrap_or(&whole);
        let any = |patterns: &[String]| {
            patterns.iter().any(|pattern| {
                let text = if pattern.contains('/') { &whole } else { name };
                matches(pattern.as_bytes(), text.as_bytes())
            })
        };
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

/// Whether `text` matches `pattern`; time is at most the product of their lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut star) = (0, None);
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, rest));
                at += 1;
                continue;
            }
            Some(&wanted) if wanted == b'?' || wanted == *first => {
                at += 1;
                rest = tail;
                continue;
            }
            _ => {}
        }
        // A mismatch: the last star takes one character more.
        let Some((star_at, from)) = star else { return false };
        star = Some((star_at, &from[1..]));
        (at, rest) = (star_at + 1, &from[1..]);
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Filter { include: owned(include), exclude: owned(exclude) }
    }

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        let cases = [
            ("libc.so.6", "libc.so.6", true),
            ("libc*", "libc.so.6", true),
            ("*c*6", "libc.so.6", true),
            ("lib?.so.6", "libc.so.6", true),
            ("lib?.so", "libc.so.6", false),
            ("", "x", false),
            ("***", "", true),
            ("a*b*c", "aXbXbX", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_slash_compares_the_whole_path() {
        let path = Path::new("/usr/lib/libc.so.6");
        assert!(filter(&["/usr/*"], &[]).admits(path));
        assert!(!filter(&["usr*"], &[]).admits(path));
        assert!(!filter(&["libc*"], &["*.6"]).admits(path));
        assert!(filter(&[], &["libm*"]).admits(path));
    }
}
