//! Single characters that ftfy replaces or removes.

use tokenizers::NormalizedString;

/// The replacement of `character`, which may be several characters or none; `None` if it stays. Combines ftfy's
/// `fix_latin_ligatures`, `fix_character_width`, `uncurl_quotes` and `remove_control_chars` in this order.
pub(super) fn replacement(character: char) -> Option<String> {
    if let Some(letters) = ligature(character) {
        return Some(letters.to_owned());
    }
    match character {
        '\u{3000}' => Some(" ".to_owned()),
        '\u{ff01}'..='\u{ffef}' => full_width(character),
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => Some("'".to_owned()),
        '\u{201c}'..='\u{201f}' => Some("\"".to_owned()),
        _ if is_for_machines(character) => Some(String::new()),
        _ => None,
    }
}

/// Splits Latin ligatures and Unicode's legacy digraphs.
fn ligature(character: char) -> Option<&'static str> {
    Some(match character {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        // Its first half is a quote, which is straightened too.
        'ŉ' => "'n",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => return None,
    })
}

/// Replaces East Asian full-width and half-width forms by the usual ones.
fn full_width(character: char) -> Option<String> {
    let mut usual = NormalizedString::from(character.to_string());
    usual.nfkc();
    Some(usual.get().to_owned()).filter(|usual| !usual.starts_with(character))
}

/// Control characters that leave no visible trace.
fn is_for_machines(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{8}'
            | '\u{b}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffc}'
    )
}
