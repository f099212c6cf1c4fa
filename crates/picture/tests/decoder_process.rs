//! Decoding in child processes: they are reused, none remains, and a crash affects only its file.

#![cfg(target_os = "linux")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use picture::{Error, Limits, Picture, decoder_process::set_program};

/// The tests count this process's children, so they run one at a time.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Existing children exit.
    set_program(env!("CARGO_BIN_EXE_picture-decoder").into());
    turn
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap()
}

fn decode(name: &str) -> picture::Result<Picture> {
    Picture::decode(&fixture(name), &Limits::default())
}

/// The children of a process.
fn children(parent: u32) -> Vec<u32> {
    let status = |id: u32| fs::read_to_string(format!("/proc/{id}/status")).ok();
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let id = entry.unwrap().file_name().to_str()?.parse().ok()?;
        let status = status(id)?;
        let is_child = status.contains(&format!("\nPPid:\t{parent}\n"));
        (is_child && !status.contains("\nState:\tZ")).then_some(id)
    });
    ids.collect()
}

fn kill(id: u32) {
    let mut kill = Command::new("kill");
    let status = kill.args(["-KILL", &id.to_string()]).status();
    assert!(status.unwrap().success());
}

/// Waits for a condition, as long as the test may run.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn one_child_decodes_one_picture_after_the_other() {
    let _turn = turn();
    assert!(children(process::id()).is_empty());
    decode("formats/444.avif").unwrap();
    let first = children(process::id());
    assert_eq!(first.len(), 1);
    decode("formats/grid.avif").unwrap();
    decode("formats/alpha.avif").unwrap();
    assert_eq!(children(process::id()), first);
}

#[test]
fn a_file_that_ends_the_decoder_is_an_error_of_its_own() {
    let _turn = turn();
    decode("formats/444.avif").unwrap();
    for _ in 0..3 {
        let error = decode("hostile/panics.avif").unwrap_err();
        assert_eq!(error.reason(), "damaged");
        let Error::DecoderFailed { message, .. } = error else {
            panic!("{error:?}");
        };
        assert!(message.contains("unreachable code"), "{message}");
        decode("formats/444.avif").unwrap();
    }
    assert_eq!(children(process::id()).len(), 1);
}

#[test]
fn a_child_that_was_killed_is_replaced() {
    let _turn = turn();
    decode("formats/444.avif").unwrap();
    let killed = children(process::id());
    killed.iter().copied().for_each(kill);
    decode("formats/444.avif").unwrap();
    let replaced = children(process::id());
    assert_eq!(replaced.len(), 1);
    assert_ne!(replaced, killed);
}

#[test]
fn a_child_has_no_file_of_its_parent_and_a_group_of_its_own() {
    let _turn = turn();
    let _open = fs::File::open("/dev/zero").unwrap();
    decode("formats/444.avif").unwrap();
    let child = children(process::id())[0];
    // A child may inherit what this process inherited, but nothing that it opened.
    for file in fs::read_dir(format!("/proc/{child}/fd")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let own = fs::read_to_string(format!("/proc/self/fdinfo/{file}"));
        let flags = own.unwrap();
        let flags = flags.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = u32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
        let is_passed_on = flags & libc::O_CLOEXEC as u32 == 0;
        assert!(is_passed_on || matches!(&*file, "0" | "1" | "2"), "{file}");
    }
    // After the name in brackets: state, parent, group.
    let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap();
    let fields = stat.rsplit(") ").next().unwrap();
    assert_eq!(fields.split(' ').nth(2), Some(&*child.to_string()));
}

#[test]
fn a_program_that_cannot_be_started_is_named_as_the_cause() {
    let _turn = turn();
    set_program("/nowhere/decoder".into());
    let error = decode("formats/444.avif").unwrap_err();
    assert_eq!(error.reason(), "no decoder");
    assert_eq!(error.to_string(), "cannot start a process to decode AVIF");
    // A program that does its own work instead.
    set_program("/bin/true".into());
    let error = decode("formats/444.avif").unwrap_err();
    assert!(matches!(error, Error::DecoderFailed { .. }), "{error:?}");
}

#[test]
#[ignore = "the parent that the next test kills"]
fn parent() {
    let _turn = turn();
    decode("formats/444.avif").unwrap();
    println!("child {}", children(process::id())[0]);
    loop {
        thread::park();
    }
}

#[test]
fn no_child_outlives_its_parent() {
    let _turn = turn();
    let mut parent = Command::new(std::env::current_exe().unwrap());
    parent.args(["--exact", "parent", "--ignored", "--nocapture"]);
    let mut parent = parent.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let child = lines.find_map(|line| Some(line.split_once("child ")?.1.to_owned()));
    let child = child.unwrap();
    let status = format!("/proc/{child}/status");
    assert!(Path::new(&status).exists());
    kill(parent.id());
    parent.wait().unwrap();
    // The process id is not reused so soon.
    wait_until(|| {
        let status = fs::read_to_string(&status);
        status.map_or(true, |status| status.contains("\nState:\tZ"))
    });
}
