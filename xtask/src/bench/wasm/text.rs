//! Lines and cells of Markdown tables.

/// What a number is to be.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
    /// Anything.
    None,
}

impl Bound {
    /// The number with this many digits behind the point, bold when what is shown misses the bound.
    pub(super) fn show(self, value: f64, digits: usize) -> String {
        let text = format!("{value:.digits$}");
        let shown: f64 = text.parse().unwrap_or(value);
        let met = match self {
            Self::AtMost(most) => shown <= most,
            Self::AtLeast(least) => shown >= least,
            Self::None => true,
        };
        if met { text } else { format!("**{text}**") }
    }

    /// How a column's head says it.
    pub(super) fn head(self, name: &str) -> String {
        match self {
            Self::AtMost(most) => format!("{name} ≤ {most}"),
            Self::AtLeast(least) => format!("{name} ≥ {least}"),
            Self::None => name.to_owned(),
        }
    }
}

/// A line of a table.
pub(super) fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misses_its_bound_as_shown_is_bold() {
        assert_eq!(Bound::AtMost(1.9).show(1.904, 2), "1.90");
        assert_eq!(Bound::AtMost(1.9).show(1.906, 2), "**1.91**");
        assert_eq!(Bound::AtLeast(45.0).show(44.9, 1), "**44.9**");
        assert_eq!(Bound::None.show(1e9, 0), "1000000000");
    }

    #[test]
    fn a_number_that_is_none_is_bold() {
        assert_eq!(Bound::AtMost(2.0).show(f64::NAN, 1), "**NaN**");
    }
}
