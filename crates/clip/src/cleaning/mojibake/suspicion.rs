//! Detects mojibake by unusual combinations of characters.

use std::sync::LazyLock;

use tokenizers::utils::SysRegex;

use super::page::{PAGES, Page, sequence_length};

/// Combinations of character [kinds](kind) that hardly ever occur.
static UNUSUAL: LazyLock<Option<SysRegex>> = LazyLock::new(|| {
    let rules = [
        // Control characters, and symbols next to letters or other symbols.
        "1",
        "[BaAXSECNW]B|B[aAXSECNW]|[ul][gG]B",
        // Capitals within words, or after symbols.
        "[agXECN]A|[XECN]a",
        // Currency signs, numbers, degree and paragraph signs after letters.
        "[aXE]C|sAC|lA[SC]|[AX][NW]|AO",
        // Opening quotes where nothing begins, and closing quotes within a word.
        "[CNX]S|[aAXCE]SN|[aACNXW]ES|[aA][SE][uldaAgGwF]",
        // Box-drawing characters outside boxes.
        "X[FO]|[aACNSEW]X|XE",
    ];
    SysRegex::new(&rules.join("|")).ok()
});

/// The bytes E2 80, with which quotes and dashes begin, in each code page but Latin-1.
static DASHES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let pages = PAGES.iter().skip(1);
    let characters = |page: &Page| {
        let of = |byte| page.characters().find(|(_, found)| *found == byte);
        let pair = [of(0xe2)?, of(0x80)?];
        Some(pair.iter().map(|(character, _)| *character).collect())
    };
    pages.filter_map(characters).collect()
});

pub(super) fn is_suspicious(text: &str) -> bool {
    let kinds: String = text.chars().map(kind).collect();
    let is_unusual = |rules: &SysRegex| rules.find_iter(&kinds).next().is_some();
    UNUSUAL.as_ref().is_some_and(is_unusual)
        || DASHES.iter().any(|dash| text.contains(dash.as_str()))
        || has_lone_capital(text, kinds.as_bytes())
        || PAGES
            .iter()
            .any(|page| has_pairs(page, text, kinds.as_bytes()))
}

/// Whether an Â or Ã precedes a symbol, the most frequent mojibake of Latin-1.
fn has_lone_capital(text: &str, kinds: &[u8]) -> bool {
    let capitals = text.chars().enumerate();
    let mut capitals = capitals.filter(|(_, character)| matches!(character, 'Â' | 'Ã'));
    capitals.any(|(place, _)| match kinds.get(place + 1) {
        Some(b's') => place == 0 || kinds[place - 1] == b'l',
        Some(next) => b"BNWCSEM1".contains(next),
        None => false,
    })
}

/// Whether two consecutive two-byte sequences stand for European or Near Eastern letters.
fn has_pairs(page: &Page, text: &str, kinds: &[u8]) -> bool {
    let bytes: Vec<Option<u8>> = text.chars().map(|character| page.byte(character)).collect();
    let is_pair = |place: usize| {
        let first = bytes.get(place).copied().flatten();
        let second = bytes.get(place + 1).copied().flatten();
        matches!(first, Some(0xc2..=0xc5 | 0xce..=0xd1 | 0xd8 | 0xd9))
            && first.and_then(sequence_length) == Some(2)
            && matches!(second, Some(0x80..=0xbf))
            && !b"aAgGl".contains(&kinds[place + 1])
    };
    (0..bytes.len()).any(|place| is_pair(place) && is_pair(place + 2))
}

/// The kind of a character that occurs in mojibake.
fn kind(character: char) -> char {
    match character {
        '_' | '0'..='9' => 'd',
        'A'..='Z' => 'u',
        'a'..='z' => 'l',
        '\0'..='\x7f' if character.is_whitespace() => 's',
        '\0'..='\x7f' => '.',
        '\u{80}'..='\u{9f}' => '1',
        '\u{a0}' | '\u{ad}' | '·' | '´' | '–' | '—' | '―' | '…' | '’' => 'M',
        // Rare symbols.
        '¤' | '¦' | '¨' | '¬' | '¯' | '¸' | 'ª' | 'º' | 'ƒ' | 'ˆ' | 'ˇ' | '˘' | '˛' | '˜' | '†'
        | '‡' | '‰' | '⌐' | '◊' | '\u{fffd}' => 'B',
        '²' | '³' | '¹' | '±' | '¼' | '½' | '¾' | '×' | 'µ' | '÷' | '⁄' | '∂' | '∆' | '∏' | '∑'
        | '√' | '∞' | '∩' | '∫' | '≈' | '≠' | '≡' | '≤' | '≥' | '№' => 'N',
        '§' | '¶' => 'W',
        '¢' | '£' | '¥' | '₧' | '€' => 'C',
        '¡' | '«' | '¿' | '©' | '΄' | '΅' | '‘' | '‚' | '“' | '„' | '•' | '‹' | '\u{f8ff}' => {
            'S'
        }
        '®' | '»' | '˝' | '”' | '›' | '™' => 'E',
        // Letters in emoticons, such as `ò_ó`.
        'Ò'..='Ö' | 'Ù'..='Ü' | 'ò'..='ö' | 'ø'..='ü' | 'Ő' | 'Ō' | 'Ū' | 'Ų' => 'F',
        '°' => 'O',
        '─' => '?',
        '\u{2500}'..='\u{259f}' => 'X',
        'Ґ' => 'A',
        'ґ' | 'ﬁ' | 'ﬂ' => 'a',
        '\u{370}'..='\u{45f}' => match (character.is_uppercase(), character.is_lowercase()) {
            (true, _) => 'G',
            (_, true) => 'g',
            _ => '?',
        },
        '\u{c0}'..='\u{24f}' if character.is_uppercase() => 'A',
        '\u{c0}'..='\u{24f}' if character.is_lowercase() => 'a',
        _ if character.is_alphanumeric() => 'w',
        _ => '?',
    }
}
