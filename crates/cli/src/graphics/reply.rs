//! Replies of a terminal.

use picture::Size;

use super::{COLOURS, Protocol};

/// The fewest colours to show pictures with.
const FEWEST_COLOURS: usize = 16;

/// The id in kitty's query, which its reply repeats.
pub(super) const KITTY_ID: u32 = 31;

/// The parsed replies of a terminal.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reply {
    /// Its attributes (DA1). Every terminal reports them, so they are queried last.
    pub(super) attributes: Option<Vec<u32>>,
    /// Its name and version (XTVERSION).
    pub(super) version: Option<String>,
    /// Whether it supports kitty's protocol.
    pub(super) kitty: bool,
    /// The size of a cell, in pixels.
    pub(super) cell: Option<Size>,
    /// The number of colours of a sixel picture.
    pub(super) colours: Option<usize>,
    /// Whether the input contained Ctrl-C.
    pub(super) is_interrupted: bool,
}

impl Reply {
    /// Parses input, in which key presses may be mixed with replies.
    pub(super) fn parse(bytes: &[u8]) -> Reply {
        let mut reply = Reply::default();
        let mut rest = bytes;
        while let Some((&first, after)) = rest.split_first() {
            rest = match (first, after.first()) {
                (0x1b, Some(b'[')) => reply.take_sequence(&after[1..]),
                (0x1b, Some(b'P' | b'_')) => reply.take_string(after),
                _ => {
                    reply.is_interrupted |= first == 0x03;
                    after
                }
            };
        }
        reply
    }

    /// Whether all replies have arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.attributes.is_some() || self.is_interrupted
    }

    pub(super) fn has_sixels(&self) -> bool {
        // The first number is the terminal class.
        let numbers = self.attributes.iter().flat_map(|it| it.iter().skip(1));
        numbers.copied().any(|number| number == 4)
    }

    /// The best protocol. Earlier versions of iTerm2 are recognised only by the environment.
    pub(super) fn protocol(&self, is_iterm: bool) -> Option<Protocol> {
        let version = self.version.as_deref().unwrap_or_default();
        let colours = self.colours.unwrap_or(COLOURS).min(COLOURS);
        if self.kitty {
            Some(Protocol::Kitty)
        } else if version.starts_with("iTerm2") || (is_iterm && version.is_empty()) {
            Some(Protocol::Iterm)
        } else if self.has_sixels() && colours >= FEWEST_COLOURS {
            Some(Protocol::Sixel { colours })
        } else {
            None
        }
    }

    /// Parses a control sequence after its introducer. Returns the rest of the input.
    fn take_sequence<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(end) = bytes.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
            return &[];
        };
        let body = String::from_utf8_lossy(&bytes[..end]);
        let is_private = body.starts_with('?');
        let numbers: Vec<u32> = body
            .trim_start_matches('?')
            .split(';')
            .map(|number| number.parse().unwrap_or(0))
            .collect();
        match (bytes[end], is_private, numbers.as_slice()) {
            (b'c', true, _) => self.attributes = Some(numbers),
            (b't', false, &[6, height, width]) => self.cell = Some(Size { width, height }),
            (b'S', true, &[1, 0, colours, ..]) => self.colours = Some(colours as usize),
            _ => {}
        }
        &bytes[end + 1..]
    }

    /// Parses a device control string or an application program command. Returns the rest of the input.
    fn take_string<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\x1b\\") else {
            return &[];
        };
        let body = String::from_utf8_lossy(&bytes[..end]);
        if let Some(version) = body.strip_prefix("P>|") {
            self.version = Some(version.to_owned());
        } else if let Some((keys, answer)) =
            body.strip_prefix("_G").and_then(|it| it.split_once(';'))
        {
            let id = format!("i={KITTY_ID}");
            self.kitty |= answer == "OK" && keys.split(',').any(|key| key == id);
        }
        &bytes[end + 2..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_known_by_what_they_reply() {
        let case = |bytes: &[u8], expected| {
            let reply = Reply::parse(bytes);
            assert!(reply.is_whole(), "{reply:?}");
            assert_eq!(reply.protocol(false), expected, "{reply:?}");
        };
        let sixel = |colours| Some(Protocol::Sixel { colours });
        case(
            b"\x1bP>|kitty(0.42.1)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1b[?62;52;c",
            Some(Protocol::Kitty),
        );
        case(
            b"\x1bP>|iTerm2 3.5.10\x1b\\\x1b[?64;1;2;4;6;17;18;21;22;52c",
            Some(Protocol::Iterm),
        );
        case(b"\x1b[?62;4;22c", sixel(256));
        case(b"\x1b[?1;0;1024S\x1b[?64;1;2;4;6c", sixel(256));
        case(b"\x1b[?1;0;16S\x1b[?64;1;2;4;6c", sixel(16));
        case(b"\x1b[?1;0;2S\x1b[?64;1;2;4;6c", None);
        case(b"\x1b[?4;6c", None);
        case(b"\x1bP>|VTE(7600)\x1b\\\x1b[?65;1;9c", None);
        case(b"\x1b_Gi=31;EINVAL:no\x1b\\\x1b[?62c", None);
    }

    #[test]
    fn keys_among_replies_are_passed_over() {
        let reply = Reply::parse(b"ls\r\x1b[A\x1b[6;20;10tx\x1b[?62;4c\x1b");
        let cell = Size {
            width: 10,
            height: 20,
        };
        assert_eq!(reply.cell, Some(cell));
        assert!(reply.has_sixels() && !reply.is_interrupted);
        assert!(Reply::parse(b"\x1b[?6\x03").attributes.is_none());
        assert!(Reply::parse(b"a\x03").is_interrupted);
    }

    #[test]
    fn half_a_reply_is_none() {
        let whole = b"\x1bP>|kitty(0.42.1)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1b[?62;52;c";
        for end in 0..whole.len() {
            assert!(!Reply::parse(&whole[..end]).is_whole(), "{end} bytes");
        }
    }
}
