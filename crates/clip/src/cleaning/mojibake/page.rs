use std::{collections::HashMap, sync::LazyLock};

use encoding_rs::{
    Encoding, ISO_8859_2, MACINTOSH, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253,
    WINDOWS_1254, WINDOWS_1257,
};

/// Replaces a lost character in Windows' code pages.
const LOST: u8 = 0x1a;

/// The upper half of code page 437, used by the first PCs.
const PC: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                  αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The code pages, in the order of attempts.
pub(super) static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let latin = (0x80..=0xff).map(|byte: u8| char::from(byte));
    let windows = [
        WINDOWS_1252,
        WINDOWS_1251,
        WINDOWS_1250,
        WINDOWS_1253,
        WINDOWS_1254,
        WINDOWS_1257,
    ];
    let mut pages = vec![Page::new(latin, false)];
    pages.extend(windows.map(|encoding| Page::new(upper_half(encoding), true)));
    pages.extend([ISO_8859_2, MACINTOSH].map(|encoding| Page::new(upper_half(encoding), false)));
    pages.push(Page::new(PC.chars(), false));
    pages[MACINTOSH_PLACE].has_spaces = false;
    pages
});
/// The number of pages for parts of a text: Latin-1 and Windows' pages.
const PAGES_OF_PARTS: usize = 7;
const MACINTOSH_PLACE: usize = 8;

/// A single-byte code page with ASCII as its lower half.
pub(super) struct Page {
    bytes: HashMap<char, u8>,
    /// Whether a space may stand for the non-breaking space, whose byte occurs in many UTF-8 sequences.
    has_spaces: bool,
    /// Whether characters may be lost.
    is_lossy: bool,
}

/// The characters of the bytes from 0x80 on. Undefined bytes are Latin-1's control characters.
fn upper_half(encoding: &'static Encoding) -> impl Iterator<Item = char> {
    (0x80..=0xff).map(move |byte: u8| {
        let bytes = [byte];
        let character = encoding.decode_without_bom_handling(&bytes).0;
        let character = character.chars().next();
        let character = character.filter(|it| *it != char::REPLACEMENT_CHARACTER);
        character.unwrap_or(char::from(byte))
    })
}

impl Page {
    fn new(upper: impl Iterator<Item = char>, is_lossy: bool) -> Self {
        let mut bytes: HashMap<char, u8> = upper.zip(0x80..=0xff).collect();
        if is_lossy {
            bytes.insert(char::REPLACEMENT_CHARACTER, LOST);
        }
        Self {
            bytes,
            has_spaces: true,
            is_lossy,
        }
    }

    pub(super) fn of_parts() -> impl Iterator<Item = &'static Self> {
        PAGES.iter().take(PAGES_OF_PARTS)
    }

    pub(super) fn byte(&self, character: char) -> Option<u8> {
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => Some(byte),
            _ => self.bytes.get(&character).copied(),
        }
    }

    /// The characters above ASCII, with their bytes.
    pub(super) fn characters(&self) -> impl Iterator<Item = (char, u8)> {
        self.bytes
            .iter()
            .map(|(&character, &byte)| (character, byte))
    }

    /// Decodes a whole text if it is in this code page and its bytes are UTF-8, perhaps with losses.
    pub(super) fn undo(&self, characters: &[char]) -> Option<String> {
        let bytes = characters.iter().map(|&character| self.byte(character));
        let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
        let (mut undone, mut place) = (String::with_capacity(bytes.len()), 0);
        while let Some(rest) = bytes.get(place..).filter(|rest| !rest.is_empty()) {
            let (length, character) = match rest[0] {
                LOST if self.is_lossy => (1, char::REPLACEMENT_CHARACTER),
                byte if byte.is_ascii() => (1, char::from(byte)),
                _ => self.sequence(rest)?,
            };
            undone.push(character);
            place += length;
        }
        Some(undone)
    }

    /// Decodes the UTF-8 sequences at the start of a text. Returns their number of characters and the decoded text.
    pub(super) fn undo_start(&self, characters: &[char]) -> Option<(usize, String)> {
        let (mut undone, mut length) = (String::new(), 0);
        loop {
            let rest = characters[length..].iter().take(4);
            let bytes = rest.map_while(|&character| self.byte(character));
            let Some((count, character)) = whole_sequence(&bytes.collect::<Vec<u8>>()) else {
                return (length > 0).then_some((length, undone));
            };
            undone.push(character);
            length += count;
        }
    }

    /// Decodes the multi-byte character at the start of `rest`. Returns its length in bytes.
    fn sequence(&self, rest: &[u8]) -> Option<(usize, char)> {
        let length = sequence_length(rest[0])?;
        if self.has_spaces && rest.starts_with(b"\xc3 ") && is_word(&rest[2..]) {
            // Keeps the space, which separates two words.
            return Some((1, 'à'));
        }
        let sequence = rest.get(..length)?;
        whole_sequence(sequence)
            .or_else(|| self.with_space(sequence))
            .or_else(|| self.with_loss(sequence))
    }

    /// Decodes a sequence with a byte that became a space, if the result is a common letter.
    fn with_space(&self, sequence: &[u8]) -> Option<(usize, char)> {
        let place = sequence.iter().position(|&byte| byte == b' ')?;
        let is_usual = match (sequence[0], place) {
            (0xc2 | 0xc3 | 0xc5 | 0xce | 0xd0 | 0xd9, 1) => true,
            (0xe2 | 0xe3, 1) | (0xe0..=0xe3, 2) => !sequence[1..].contains(&0x85),
            (first, _) => first == 0xf0,
        };
        if !self.has_spaces || !is_usual {
            return None;
        }
        let mut whole = sequence.to_vec();
        whole[place] = 0xa0;
        whole_sequence(&whole)
    }

    /// Decodes a sequence with a lost byte to the replacement character.
    fn with_loss(&self, sequence: &[u8]) -> Option<(usize, char)> {
        let behind = &sequence[1..];
        let is_question = |byte: &&u8| **byte == b'?';
        let questions = behind.iter().filter(is_question).count();
        let most = usize::from(sequence.len() > 2 || sequence[0] <= 0xc3);
        let fits = |byte: &u8| matches!(byte, 0x80..=0xbf | &LOST | b'?');
        let is_lost = self.is_lossy && questions <= most && behind.iter().all(fits);
        is_lost.then_some((sequence.len(), char::REPLACEMENT_CHARACTER))
    }
}

/// Whether a separate word follows `Ã `, rather than the rest of a Portuguese word with `à`.
fn is_word(rest: &[u8]) -> bool {
    let joined: [&[u8]; 5] = [b" ", b"quele", b"quela", b"quilo", b"s "];
    !joined.iter().any(|start| rest.starts_with(start))
}

/// Decodes a complete multi-byte sequence at the start of `bytes`. Returns its length in bytes.
fn whole_sequence(bytes: &[u8]) -> Option<(usize, char)> {
    let length = sequence_length(*bytes.first()?)?;
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
    Some((length, text.chars().next()?))
}

/// The length of a sequence that begins with `first`.
pub(super) fn sequence_length(first: u8) -> Option<usize> {
    match first {
        0xc2..=0xdf => Some(2),
        0xe0..=0xef => Some(3),
        0xf0..=0xf4 => Some(4),
        _ => None,
    }
}
