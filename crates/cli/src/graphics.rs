//! Pictures on the terminal: detection of its graphics protocol, and drawing.
//!
//! The environment rules out terminals that must not be queried; the others are asked what they support.

mod iterm;
mod kitty;
#[cfg(unix)]
mod query;
#[cfg(unix)]
mod raw;
#[cfg(unix)]
mod reply;
mod sixel;

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use picture::{Picture, Size};

use crate::environment;
use crate::terminal::message;

/// The assumed cell size of a terminal that does not report it, in pixels.
const CELL: Size = Size {
    width: 8,
    height: 16,
};

/// The smallest terminal that shows pictures, in cells.
const SMALLEST: Size = Size {
    width: 20,
    height: 12,
};

/// The most colours of a sixel picture.
const COLOURS: usize = 256;

#[derive(Args, Debug)]
pub(crate) struct GraphicsArguments {
    /// Show pictures on the terminal with this protocol
    ///
    /// Pictures replace the table if standard output is a terminal. CLIPSEEK_PICTURES sets another default.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = When::Auto,
          env = environment::PICTURES, hide_env = true)]
    pictures: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// Ask the terminal what it supports; no pictures inside tmux and screen
    #[value(alias = "")]
    Auto,
    /// kitty's protocol: kitty, Ghostty, Konsole
    Kitty,
    /// iTerm2's protocol: iTerm2, WezTerm, mintty
    Iterm,
    /// Sixels: foot, xterm, Windows Terminal, and tmux built with them
    Sixel,
    /// Show the table
    Never,
}

/// A graphics protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Kitty,
    Iterm,
    /// Sixels with at most `colours` colours per picture.
    Sixel {
        colours: usize,
    },
}

/// A terminal that shows pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Graphics {
    protocol: Protocol,
    /// The terminal's size, in cells.
    pub(crate) window: Size,
    /// A cell's size, in pixels.
    pub(crate) cell: Size,
}

/// A picture encoded for the terminal.
pub(crate) struct Drawing {
    /// The escape sequence to write at its upper left corner.
    pub(crate) escape: String,
    /// The number of lines that it covers.
    pub(crate) lines: u32,
}

impl GraphicsArguments {
    /// How to draw on standard output; `None` if it is no terminal that shows pictures, or `--pictures never` is given.
    pub(crate) fn graphics(&self) -> Option<Graphics> {
        if self.pictures == When::Never || !io::stdout().is_terminal() {
            return None;
        }
        let (width, height) = terminal_size::terminal_size_of(io::stdout())?;
        let window = Size {
            width: width.0.into(),
            height: height.0.into(),
        };
        if window.width < SMALLEST.width || window.height < SMALLEST.height {
            return None;
        }
        match self.pictures.named() {
            Some(protocol) => named(protocol, window),
            None => asked(window),
        }
    }
}

impl When {
    fn named(self) -> Option<Protocol> {
        match self {
            When::Kitty => Some(Protocol::Kitty),
            When::Iterm => Some(Protocol::Iterm),
            When::Sixel => Some(Protocol::Sixel { colours: COLOURS }),
            When::Auto | When::Never => None,
        }
    }
}

/// The protocol that the user chose, without asking the terminal.
fn named(protocol: Protocol, window: Size) -> Option<Graphics> {
    if is_multiplexed() && !matches!(protocol, Protocol::Sixel { .. }) {
        message!("note: tmux and screen pass on only sixels; use --pictures sixel");
        return None;
    }
    Some(Graphics {
        protocol,
        window,
        cell: cell_of(None),
    })
}

/// The protocol that the terminal reports.
#[cfg(unix)]
fn asked(window: Size) -> Option<Graphics> {
    if is_multiplexed() || is_simple() {
        return None;
    }
    let reply = query::ask()?;
    Some(Graphics {
        protocol: reply.protocol(is_iterm())?,
        window,
        cell: cell_of(reply.cell),
    })
}

/// Other platforms are not supported yet.
#[cfg(not(unix))]
fn asked(_window: Size) -> Option<Graphics> {
    None
}

/// The size of a cell: from the terminal's reply, else from the system, else [`CELL`].
fn cell_of(replied: Option<Size>) -> Size {
    #[cfg(unix)]
    let known = query::known_cell;
    #[cfg(not(unix))]
    let known = || None;
    let is_likely =
        |cell: &Size| (2..=64).contains(&cell.width) && (4..=128).contains(&cell.height);
    let cell = replied.filter(is_likely);
    cell.or_else(|| known().filter(is_likely)).unwrap_or(CELL)
}

/// Whether a multiplexer runs in between, which drops pictures or garbles them.
fn is_multiplexed() -> bool {
    let term = variable(environment::TERM);
    !variable(environment::TMUX).is_empty()
        || !variable(environment::STY).is_empty()
        || ["tmux", "screen"].iter().any(|name| term.starts_with(name))
}

/// Whether this terminal may print queries as garbage instead of answering them. None of these shows pictures.
#[cfg(unix)]
fn is_simple() -> bool {
    let term = variable(environment::TERM);
    ["", "dumb", "linux", "cons25", "vt52"].contains(&term.as_str())
        || term.starts_with("eterm")
        || !variable(environment::INSIDE_EMACS).is_empty()
        || variable(environment::TERM_PROGRAM) == "Apple_Terminal"
}

/// Whether the environment says that the terminal is iTerm2, whose earlier versions do not report their name.
#[cfg(unix)]
fn is_iterm() -> bool {
    variable(environment::TERM_PROGRAM) == "iTerm.app"
        || variable(environment::LC_TERMINAL) == "iTerm2"
}

fn variable(name: &str) -> String {
    environment::text(name).unwrap_or_default()
}

impl Graphics {
    /// The size in pixels of a picture that covers `cells`.
    pub(crate) fn pixels(&self, cells: Size) -> Size {
        let density = self.density();
        Size {
            width: density * cells.width * self.cell.width,
            height: density * cells.height * self.cell.height,
        }
    }

    /// Encodes a picture of such a size for this terminal.
    pub(crate) fn draw(&self, picture: &Picture) -> Drawing {
        let density = self.density();
        let cells = Size {
            width: picture.width().div_ceil(density * self.cell.width),
            height: picture.height().div_ceil(density * self.cell.height),
        };
        let escape = match self.protocol {
            Protocol::Kitty => kitty::escape(picture),
            Protocol::Iterm => iterm::escape(picture, cells),
            Protocol::Sixel { colours } => sixel::escape(picture, colours),
        };
        Drawing {
            escape,
            lines: cells.height,
        }
    }

    /// Pixels per reported unit. iTerm2 reports cells in points, which are two pixels wide on a high-density screen.
    fn density(&self) -> u32 {
        match self.protocol {
            Protocol::Iterm => 2,
            _ => 1,
        }
    }
}
