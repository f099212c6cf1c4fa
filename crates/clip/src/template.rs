use std::str::FromStr;

use crate::{Error, Result};

/// A sentence with a placeholder for a label, such as `a photo of a {}`.
///
/// The placeholder is `{}` or `{label}`, and may occur more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Checks `template`.
    ///
    /// # Errors
    /// When there is no placeholder.
    pub fn new(template: &str) -> Result<Self> {
        if ["{}", "{label}"]
            .iter()
            .any(|place| template.contains(place))
        {
            Ok(Self(template.to_owned()))
        } else {
            Err(Error::Template {
                template: template.to_owned(),
            })
        }
    }

    /// Reads a list of templates, one a line. Skips blank lines and those that begin with `#`.
    ///
    /// # Errors
    /// When a template has no placeholder, or the list is empty.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
        let lines = lines.map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let templates: Vec<Self> = lines.map(Self::new).collect::<Result<_>>()?;
        if templates.is_empty() {
            Err(Error::NoTemplates)
        } else {
            Ok(templates)
        }
    }

    /// The sentence for `label`.
    pub fn fill(&self, label: &str) -> String {
        // Split first, because a label may contain a placeholder's characters.
        let pieces = self.0.split("{label}").flat_map(|piece| piece.split("{}"));
        pieces.collect::<Vec<_>>().join(label)
    }
}

impl Default for Template {
    /// The template that CLIP's authors suggest for labels of any kind.
    fn default() -> Self {
        Self("a photo of a {}".to_owned())
    }
}

impl FromStr for Template {
    type Err = Error;

    fn from_str(template: &str) -> Result<Self> {
        Self::new(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(template: &str, label: &str, expected: &str) {
        assert_eq!(Template::new(template).unwrap().fill(label), expected);
    }

    #[test]
    fn labels_take_their_places() {
        case("a photo of a {}", "dog", "a photo of a dog");
        case(
            "{label}: a photo of a {label}",
            "dog",
            "dog: a photo of a dog",
        );
        case("{}", "{label}", "{label}");
        case("{label} {}", "{}", "{} {}");
    }

    #[test]
    fn a_list_has_comments() {
        let list =
            Template::list("\u{feff}# mine\r\na photo of a {}\r\n\n  art of {label} \n").unwrap();
        let expected = ["a photo of a {}", "art of {label}"].map(|text| Template(text.to_owned()));
        assert_eq!(list, expected);
        for (text, expected) in [
            ("# nothing\n", "no templates for the labels"),
            (
                "{}\na photo\n",
                "template `a photo` has no placeholder for the label",
            ),
        ] {
            assert_eq!(Template::list(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_template_needs_a_place() {
        let error = Template::new("a photo").unwrap_err();
        assert_eq!(
            error.to_string(),
            "template `a photo` has no placeholder for the label"
        );
        assert_eq!(
            error.hint(),
            Some("write `{}` where the label goes, as in `a photo of a {}`")
        );
    }
}
