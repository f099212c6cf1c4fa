//! The child: reads requests from standard input one by one and writes replies to standard output.

use std::{
    io::{self, Write},
    process,
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{
    resource_limits, time_limits,
    wire::{Reply, Request},
};
use crate::decode;

/// How long a child waits for work.
const IDLE: Duration = Duration::from_secs(60);

pub(super) fn serve() -> ! {
    let (sender, requests) = mpsc::sync_channel(1);
    // Keeps reading while a picture is decoded: the end of input means that the parent is gone.
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(request) = Request::read(&mut input) {
            if sender.send(request).is_err() {
                break;
            }
        }
        process::exit(0);
    });
    let mut largest = 0;
    while let Ok(request) = requests.recv_timeout(IDLE) {
        // The allocator may keep the memory of earlier pictures.
        largest = request.cost.max(largest);
        resource_limits::allow(
            resource_limits::memory(largest),
            time_limits(largest).processor,
        );
        let reply = answer(&request);
        let mut output = io::stdout().lock();
        if reply
            .write(&mut output)
            .and_then(|()| output.flush())
            .is_err()
        {
            break;
        }
    }
    process::exit(0)
}

/// A panic ends the child; the parent reads its message from standard error.
fn answer(request: &Request<'_>) -> Reply {
    decode::here(request.format, &request.bytes, &request.limits).into()
}
