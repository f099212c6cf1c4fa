//! Queries to the terminal.
//!
//! Every terminal replies to `CSI c`, so this query comes last and its reply ends the wait. Queries that older terminals
//! would print as garbage are sent only after the first replies show a newer terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process;
use std::time::{Duration, Instant};
use std::{ffi::OsStr, path::Path};

use picture::Size;
use rustix::io::ioctl_fionread;
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize, ttyname};

use super::raw::Raw;
use super::reply::{KITTY_ID, Reply};
use crate::environment;

/// The default timeout of a reply, long enough for most remote terminals.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// The size limit of the replies, in bytes.
const LONGEST_REPLY: usize = 4096;

/// Name and version (XTVERSION), then attributes (DA1).
const FIRST: &str = "\u{1b}[>q\u{1b}[c";

/// The replies of the terminal; `None` if it cannot be queried or does not reply.
pub(super) fn ask() -> Option<Reply> {
    let mut terminal = open().ok()?;
    // The system stops a background process that changes the terminal.
    if tcgetpgrp(&terminal).ok()? != getpgrp() {
        return None;
    }
    let raw = Raw::enter(&terminal).ok()?;
    // Pending input belongs to the shell.
    if ioctl_fionread(&terminal).ok()? > 0 {
        return None;
    }
    let reply = exchange(&mut terminal);
    match reply {
        Ok(reply) if reply.is_interrupted => {
            raw.leave_and_flush();
            process::exit(130);
        }
        Ok(reply) if reply.is_whole() => Some(reply),
        _ => {
            raw.leave_and_flush();
            None
        }
    }
}

/// The size of a cell, if the system knows it.
pub(super) fn known_cell() -> Option<Size> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    let (columns, lines) = (size.ws_col, size.ws_row);
    Some(Size {
        width: size.ws_xpixel.checked_div(columns)?.into(),
        height: size.ws_ypixel.checked_div(lines)?.into(),
    })
}

/// Opens the terminal of standard output for reading and writing.
fn open() -> io::Result<File> {
    let name = ttyname(io::stdout(), Vec::new())?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(rustix::fs::OFlags::NOCTTY.bits() as i32)
        .open(Path::new(OsStr::from_bytes(name.as_bytes())))
}

fn exchange(terminal: &mut File) -> io::Result<Reply> {
    let first = query(terminal, FIRST)?;
    if first.is_interrupted || !first.is_whole() {
        return Ok(first);
    }
    let mut second = String::new();
    if first.version.is_some() {
        second.push_str(&format!(
            "\u{1b}_Gi={KITTY_ID},s=1,v=1,a=q,t=d,f=24;AAAA\u{1b}\\"
        ));
    }
    if first.has_sixels() {
        second.push_str("\u{1b}[?1;1;0S");
    }
    if second.is_empty() {
        return Ok(first);
    }
    let rest = query(terminal, &format!("{second}\u{1b}[16t\u{1b}[c"))?;
    Ok(Reply {
        version: first.version,
        ..rest
    })
}

/// Sends a query and reads replies up to the attributes.
fn query(terminal: &mut File, query: &str) -> io::Result<Reply> {
    terminal.write_all(query.as_bytes())?;
    let end = Instant::now() + reply_timeout();
    let mut bytes = Vec::new();
    let mut buffer = [0; 256];
    loop {
        let count = terminal.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..count]);
        let reply = Reply::parse(&bytes);
        if reply.is_whole() || bytes.len() > LONGEST_REPLY || Instant::now() > end {
            return Ok(reply);
        }
    }
}

fn reply_timeout() -> Duration {
    let seconds = environment::text(environment::TERMINAL_TIMEOUT);
    let seconds = seconds.and_then(|text| text.parse::<u32>().ok());
    seconds.map_or(REPLY_TIMEOUT, |seconds| Duration::from_secs(seconds.into()))
}
