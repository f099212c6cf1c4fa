//! What a terminal replies.

use picture::Size;

use super::{COLOURS, Protocol};

/// Fewer colours than this are no picture.
const FEWEST_COLOURS: usize = 16;

/// The bit of kitty's question that its answer repeats.
pub(super) const KITTY_ID: u32 = 31;

/// What is known of a terminal by its replies.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reply {
    /// What it can do, by DEC's numbers (DA1). Every terminal replies with them, so they are asked for last.
    pub(super) attributes: Option<Vec<u32>>,
    /// Its name and version (XTVERSION).
    pub(super) version: Option<String>,
    /// Whether it takes pictures by kitty's protocol.
    pub(super) kitty: bool,
    /// The size of a cell, in pixels.
    pub(super) cell: Option<Size>,
    /// How many colours a sixel picture may have.
    pub(super) colours: Option<usize>,
    /// Whether Ctrl-C was among what came.
    pub(super) is_interrupted: bool,
}

impl Reply {
    /// The replies among what came, in which there may also be keys that somebody pressed.
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

    /// Whether it is all there.
    pub(super) fn is_whole(&self) -> bool {
        self.attributes.is_some() || self.is_interrupted
    }

    pub(super) fn has_sixels(&self) -> bool {
        // The first number is the terminal's class.
        let numbers = self.attributes.iter().flat_map(|it| it.iter().skip(1));
        numbers.copied().any(|number| number == 4)
    }

    /// The best way to show pictures. iTerm2 of earlier versions is known by its environment alone.
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

    /// Takes a control sequence, without its introducer, and gives what follows it.
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

    /// Takes a device control string or an application's command, and gives what follows it.
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
