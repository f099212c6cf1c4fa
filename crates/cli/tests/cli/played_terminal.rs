use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};

use crate::world::LONGEST_SECONDS;

/// What clipseek asks a terminal.
pub(crate) const NAME: &str = "\x1b[>q";
pub(crate) const KITTY: &str = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\";
pub(crate) const COLOURS: &str = "\x1b[?1;1;0S";
pub(crate) const CELL: &str = "\x1b[16t";
pub(crate) const ATTRIBUTES: &str = "\x1b[c";
pub(crate) const QUESTIONS: [&str; 5] = [NAME, KITTY, COLOURS, CELL, ATTRIBUTES];

/// A terminal that the test plays, on a real pseudo-terminal.
#[derive(Default)]
pub(crate) struct PlayedTerminal {
    /// What it replies to which question.
    pub(crate) replies: &'static [(&'static str, &'static str)],
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// What its user types before the command runs.
    pub(crate) typed: &'static str,
}

/// What came of a command on a terminal.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) code: Option<i32>,
    /// All that was written to the terminal, questions too.
    pub(crate) written: Vec<u8>,
    /// What the next program on the terminal would read.
    pub(crate) left: String,
    /// Whether the terminal's modes are what they were.
    pub(crate) is_as_before: bool,
}

impl PlayedTerminal {
    /// Runs the command to its end.
    pub(crate) fn run(&self, command: Command) -> Shown {
        self.run_until(command, |_, _| {})
    }

    /// The same; `act` is called with each question and the process that asked.
    pub(crate) fn run_until(&self, mut command: Command, act: fn(&str, u32)) -> Shown {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(Some(&size), None).unwrap();
        let (mut keyboard, slave) = (File::from(pair.master), File::from(pair.slave));
        let before = tcgetattr(&slave).unwrap();
        keyboard.write_all(self.typed.as_bytes()).unwrap();
        for name in [
            "TMUX",
            "STY",
            "TERM_PROGRAM",
            "LC_TERMINAL",
            "INSIDE_EMACS",
            "NO_COLOR",
        ] {
            command.env_remove(name);
        }
        command
            .env("TERM", "xterm-256color")
            .env("CLIPSEEK_TERMINAL_TIMEOUT", LONGEST_SECONDS)
            .envs(self.variables.iter().copied())
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave.try_clone().unwrap());
        controlled(&mut command);
        let mut child = command.spawn().unwrap();
        // The command holds the terminal open too.
        drop(command);
        let process = child.id();
        let written = play(keyboard, self.replies, move |question| {
            act(question, process);
        });
        let code = child.wait().unwrap().code();
        let is_as_before = tcgetattr(&slave).unwrap() == before;
        let left = left_in(&slave, before);
        drop(slave);
        Shown {
            code,
            written: written.recv().unwrap(),
            left,
            is_as_before,
        }
    }
}

/// Makes the terminal that is its standard input the command's own, as a shell does.
#[expect(unsafe_code, reason = "a session begins between fork and exec")]
fn controlled(command: &mut Command) {
    let begin = || {
        nix::unistd::setsid()?;
        // SAFETY: the request takes a number, and the descriptor is open.
        match unsafe { libc::ioctl(0, libc::TIOCSCTTY as _, 0) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: two system calls, which allocate nothing and take no lock.
    unsafe { command.pre_exec(begin) };
}

/// Reads what is written to the terminal until nobody holds it open, and replies to questions.
fn play(
    mut terminal: File,
    replies: &'static [(&'static str, &'static str)],
    act: impl Fn(&str) + Send + 'static,
) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let (mut written, mut heard) = (Vec::new(), 0);
        let mut buffer = [0; 1 << 16];
        // Linux tells the end as an error.
        while let Ok(count @ 1..) = terminal.read(&mut buffer) {
            written.extend_from_slice(&buffer[..count]);
            while let Some((question, end)) = next_question(&written, heard) {
                heard = end;
                for (_, reply) in replies.iter().filter(|(it, _)| *it == question) {
                    terminal.write_all(reply.as_bytes()).unwrap();
                }
                act(question);
            }
        }
        sender.send(written).unwrap();
    });
    receiver
}

fn next_question(written: &[u8], from: usize) -> Option<(&'static str, usize)> {
    let ends = QUESTIONS.iter().filter_map(|question| {
        let mut windows = written[from..].windows(question.len());
        let at = windows.position(|it| it == question.as_bytes())?;
        Some((*question, from + at + question.len()))
    });
    ends.min_by_key(|(_, end)| *end)
}

/// What is there to be read, also where no line is whole.
fn left_in(mut slave: &File, before: Termios) -> String {
    let mut modes = before;
    modes.local_flags.remove(LocalFlags::ICANON);
    modes.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
    modes.control_chars[SpecialCharacterIndices::VTIME as usize] = 1;
    tcsetattr(slave, SetArg::TCSANOW, &modes).unwrap();
    let mut buffer = [0; 4096];
    let count = slave.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

impl Shown {
    /// What was written, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// The same without the questions.
    pub(crate) fn answer(&self) -> String {
        QUESTIONS
            .iter()
            .fold(self.text(), |text, question| text.replace(question, ""))
    }

    /// Ended well, and left nothing behind.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.code, Some(0), "{}", self.text());
        assert!(self.is_as_before, "the terminal's modes have changed");
        assert_eq!(self.left, "");
        // Sixels may look like an echo.
        let text = self.text();
        let mut outside = text.split("\x1b\\").map(|part| part.split("\x1bP").next());
        assert!(
            outside.all(|part| !part.unwrap_or_default().contains("^[")),
            "replies were echoed"
        );
    }
}
