//! Pictures on the terminal: whether it shows any, and in which way it is told to.
//!
//! The environment says where nothing is to be tried; the terminal says the rest itself, when it is asked.

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

/// The cell of a terminal that does not say how large its cells are, in pixels.
const CELL: Size = Size {
    width: 8,
    height: 16,
};

/// Terminals smaller than this have no room for pictures, in cells.
const SMALLEST: Size = Size {
    width: 20,
    height: 12,
};

/// The most colours of a sixel picture.
const COLOURS: usize = 256;

#[derive(Args, Debug)]
pub(crate) struct GraphicsArguments {
    /// Show pictures instead of the table where standard output is a terminal
    #[arg(long, value_name = "HOW", value_enum, default_value_t = When::Auto,
          env = environment::PICTURES, hide_env_values = true)]
    pictures: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// Where the terminal says that it can; never inside tmux and screen
    #[value(alias = "")]
    Auto,
    /// By kitty's protocol: kitty, Ghostty, Konsole
    Kitty,
    /// By iTerm2's protocol: iTerm2, WezTerm, mintty
    Iterm,
    /// As sixels: foot, xterm, Windows Terminal, and tmux where it was built for them
    Sixel,
    /// Show the table
    Never,
}

/// How a terminal takes pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Kitty,
    Iterm,
    /// With that many colours in a picture.
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

/// A picture as the terminal takes it.
pub(crate) struct Drawing {
    /// What to write where its upper left corner shall be.
    pub(crate) escape: String,
    /// How many lines it covers.
    pub(crate) lines: u32,
}

impl GraphicsArguments {
    /// How standard output takes pictures, if it is a terminal that does and nobody forbids it.
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

/// As the user says, without asking the terminal.
fn named(protocol: Protocol, window: Size) -> Option<Graphics> {
    if is_multiplexed() && !matches!(protocol, Protocol::Sixel { .. }) {
        message!("note: of pictures, tmux and screen let only sixels through: --pictures sixel");
        return None;
    }
    Some(Graphics {
        protocol,
        window,
        cell: cell_of(None),
    })
}

/// As the terminal says.
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

/// Elsewhere nobody is asked yet.
#[cfg(not(unix))]
fn asked(_window: Size) -> Option<Graphics> {
    None
}

/// The size of a cell: what the terminal replied, or the system knows, or else the usual one.
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

/// Whether a multiplexer stands between us and the terminal, where pictures get lost or become noise.
fn is_multiplexed() -> bool {
    let term = variable(environment::TERM);
    !variable(environment::TMUX).is_empty()
        || !variable(environment::STY).is_empty()
        || ["tmux", "screen"].iter().any(|name| term.starts_with(name))
}

/// Whether this is a terminal that may show questions as noise instead of answering them. None of these
/// shows pictures.
#[cfg(unix)]
fn is_simple() -> bool {
    let term = variable(environment::TERM);
    ["", "dumb", "linux", "cons25", "vt52"].contains(&term.as_str())
        || term.starts_with("eterm")
        || !variable(environment::INSIDE_EMACS).is_empty()
        || variable(environment::TERM_PROGRAM) == "Apple_Terminal"
}

/// Whether the environment is iTerm2's. Its earlier versions do not reply with their name.
#[cfg(unix)]
fn is_iterm() -> bool {
    variable(environment::TERM_PROGRAM) == "iTerm.app"
        || variable(environment::LC_TERMINAL) == "iTerm2"
}

fn variable(name: &str) -> String {
    environment::text(name).unwrap_or_default()
}

impl Graphics {
    /// How many pixels a picture should have that is shown as large as that many cells.
    pub(crate) fn pixels(&self, cells: Size) -> Size {
        let density = self.density();
        Size {
            width: density * cells.width * self.cell.width,
            height: density * cells.height * self.cell.height,
        }
    }

    /// A picture of such a size, for this terminal.
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

    /// iTerm2 tells the size of its cells in points, of which a sharp screen has two pixels each way.
    fn density(&self) -> u32 {
        match self.protocol {
            Protocol::Iterm => 2,
            _ => 1,
        }
    }
}
