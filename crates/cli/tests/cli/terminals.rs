use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use picture::{Limits, Picture};

use crate::played_terminal::{
    ATTRIBUTES, CELL, COLOURS, KITTY, NAME, PlayedTerminal, QUESTIONS, Shown,
};
use crate::world::World;

const PICTURES: &[&str] = &["two-perch.jpg", "stone-windmill.jpg", "orange-hammer.jpg"];

const SEARCH: [&str; 2] = ["search", "a windmill"];

/// A kitty whose cells have 9 by 18 pixels.
const A_KITTY: PlayedTerminal = PlayedTerminal {
    replies: &[
        (NAME, "\x1bP>|kitty(0.42.1)\x1b\\"),
        (KITTY, "\x1b_Gi=31;OK\x1b\\"),
        (CELL, "\x1b[6;18;9t"),
        (ATTRIBUTES, "\x1b[?62;52;c"),
    ],
    variables: &[],
    typed: "",
};

const AN_XTERM: PlayedTerminal = PlayedTerminal {
    replies: &[
        (NAME, "\x1bP>|XTerm(390)\x1b\\"),
        (COLOURS, "\x1b[?1;0;64S"),
        (CELL, "\x1b[6;18;9t"),
        (ATTRIBUTES, "\x1b[?64;1;2;4;6;9;15;18;21;22c"),
    ],
    variables: &[],
    typed: "",
};

/// What fits into a picture's place on a terminal of 80 columns of 9 by 18 pixels: 25 by 9 cells.
const FRAME: (u32, u32) = (225, 162);

#[test]
fn kitty_is_sent_the_pictures_in_chunks() {
    let (world, shown) = search_on(&A_KITTY);
    shown.assert_clean();
    let pictures = kitty_pictures(&shown.text());
    assert_eq!(pictures.len(), 3);
    for (picture, path) in pictures.iter().zip(found(&world)) {
        let original = thumbnail(&path);
        assert_eq!(picture.size(), original.size(), "{path}");
        assert!(picture.pixels() == original.pixels(), "{path}");
    }
    assert_facts(&world, &shown);
}

#[test]
fn xterm_is_sent_sixels() {
    let (world, shown) = search_on(&AN_XTERM);
    shown.assert_clean();
    let text = shown.text();
    let sixels: Vec<&str> = between(&text, "\x1bP0;1;0q", "\x1b\\").collect();
    assert_eq!(sixels.len(), 3);
    for (sixels, path) in sixels.into_iter().zip(found(&world)) {
        assert!(colours(sixels) <= 64, "{path}");
        let (picture, original) = (decode_sixels(sixels), thumbnail(&path));
        assert_eq!(picture.size(), original.size(), "{path}");
        let off = blurred_difference(&picture, &original);
        assert!(off < 4.0, "{path}: {off} levels off");
    }
    assert_facts(&world, &shown);
}

#[test]
fn iterm_is_sent_files() {
    let (world, shown) = search_on(&PlayedTerminal {
        replies: &[
            (NAME, "\x1bP>|iTerm2 3.5.10\x1b\\"),
            (CELL, "\x1b[6;18;9t"),
            (ATTRIBUTES, "\x1b[?64;1;2;4;6;17;18;21;22c"),
        ],
        ..PlayedTerminal::default()
    });
    shown.assert_clean();
    let text = shown.text();
    let files: Vec<&str> = between(&text, "\x1b]1337;File=inline=1;", "\x07").collect();
    assert_eq!(files.len(), 3);
    for file in files {
        let (keys, data) = file.split_once(':').unwrap();
        let bytes = STANDARD.decode(data).unwrap();
        assert!(
            keys.starts_with(&format!("size={};width=", bytes.len())),
            "{keys}"
        );
        let picture = Picture::decode(&bytes, &Limits::default()).unwrap();
        assert!(picture.width() == 2 * FRAME.0 || picture.height() == 2 * FRAME.1);
    }
    assert_facts(&world, &shown);
}

#[test]
fn a_terminal_without_pictures_shows_the_table() {
    let without: [&'static [(&str, &str)]; 3] = [
        // One that only old questions reach.
        &[(ATTRIBUTES, "\x1b[?6c")],
        // One that knows all of them.
        &[
            (NAME, "\x1bP>|VTE(7600)\x1b\\"),
            (CELL, "\x1b[6;18;9t"),
            (ATTRIBUTES, "\x1b[?65;1;9c"),
        ],
        // One that refuses.
        &[
            (NAME, "\x1bP>|kitty(0.42.1)\x1b\\"),
            (KITTY, "\x1b_Gi=31;EPERM:not here\x1b\\"),
            (ATTRIBUTES, "\x1b[?62c"),
        ],
    ];
    for replies in without {
        let (_, shown) = search_on(&PlayedTerminal {
            replies,
            ..PlayedTerminal::default()
        });
        shown.assert_clean();
        assert_is_table(&shown);
    }
}

#[test]
fn a_terminal_that_says_nothing_shows_the_table() {
    let (_, shown) = search_on(&PlayedTerminal {
        variables: &[("CLIPSEEK_TERMINAL_TIMEOUT", "1")],
        ..PlayedTerminal::default()
    });
    assert!(shown.text().contains(ATTRIBUTES), "it was asked");
    shown.assert_clean();
    assert_is_table(&shown);
}

#[test]
fn new_questions_are_for_new_terminals() {
    let (_, shown) = search_on(&PlayedTerminal {
        replies: &[(ATTRIBUTES, "\x1b[?6c")],
        ..PlayedTerminal::default()
    });
    assert!(shown.text().contains(ATTRIBUTES));
    for question in [KITTY, COLOURS, CELL] {
        assert!(!shown.text().contains(question), "{question:?}");
    }
}

#[test]
fn nothing_is_asked_where_a_question_could_be_seen() {
    let places: [&'static [(&str, &str)]; 6] = [
        &[("TERM", "dumb")],
        &[("TERM", "linux")],
        &[("TERM_PROGRAM", "Apple_Terminal")],
        &[("TMUX", "/tmp/tmux-0/default,1,0")],
        &[("TERM", "screen.xterm-256color")],
        &[("CLIPSEEK_PICTURES", "never")],
    ];
    for variables in places {
        let (_, shown) = search_on(&PlayedTerminal {
            variables,
            ..A_KITTY
        });
        shown.assert_clean();
        for question in QUESTIONS {
            assert!(
                !shown.text().contains(question),
                "{variables:?}: {question:?}"
            );
        }
        assert_is_table(&shown);
    }
}

#[test]
fn a_named_protocol_is_taken_without_asking() {
    let (world, shown) = search_on(&PlayedTerminal {
        variables: &[("CLIPSEEK_PICTURES", "sixel"), ("TMUX", "/tmp/tmux,1,0")],
        ..PlayedTerminal::default()
    });
    shown.assert_clean();
    assert_eq!(shown.answer(), shown.text(), "nothing was asked");
    assert_eq!(between(&shown.text(), "\x1bP0;1;0q", "\x1b\\").count(), 3);
    assert_facts(&world, &shown);
    let (_, shown) = search_on(&PlayedTerminal {
        variables: &[("CLIPSEEK_PICTURES", "kitty"), ("TMUX", "/tmp/tmux,1,0")],
        ..PlayedTerminal::default()
    });
    assert!(shown.text().contains("tmux and screen pass on only sixels"));
    assert_is_table(&shown);
}

#[test]
fn what_is_asked_for_stays_as_it_is() {
    let world = World::with_pictures(PICTURES);
    for format in ["table", "paths", "json"] {
        let shown = A_KITTY.run(world.command(&["search", "a windmill", "--format", format]));
        shown.assert_clean();
        assert!(!shown.text().contains("\x1b_G"), "{format}");
    }
    let piped = world.well(&SEARCH).stdout;
    let mut command = world.command(&SEARCH);
    command
        .env("CLIPSEEK_PICTURES", "kitty")
        .env("TERM", "xterm-kitty");
    let named = command.output().unwrap();
    assert_eq!(String::from_utf8(named.stdout).unwrap(), piped);
    let named = world.well(&["search", "a windmill", "--pictures", "sixel"]);
    assert_eq!(named.stdout, piped);
}

#[test]
fn what_was_typed_ahead_is_left_for_the_shell() {
    let (_, shown) = search_on(&PlayedTerminal {
        typed: "ls\n",
        ..A_KITTY
    });
    assert_eq!((shown.left.as_str(), shown.is_as_before), ("ls\n", true));
    assert_is_table(&shown);
}

#[test]
fn an_end_while_asking_puts_the_terminal_back() {
    let (_, shown) = search_on(&PlayedTerminal {
        replies: &[(NAME, "\x03")],
        ..PlayedTerminal::default()
    });
    assert_eq!((shown.code, shown.is_as_before), (Some(130), true));
    let world = World::with_pictures(PICTURES);
    let silent = PlayedTerminal::default();
    let shown = silent.run_until(world.command(&SEARCH), |question, process| {
        if question == ATTRIBUTES {
            kill(Pid::from_raw(process as i32), Signal::SIGTERM).unwrap();
        }
    });
    assert_eq!((shown.code, shown.is_as_before), (Some(130), true));
}

#[test]
fn a_picture_that_is_damaged_leaves_its_place_empty() {
    let world = World::with_pictures(PICTURES);
    std::fs::write(world.path("pictures/stone-windmill.jpg"), "no picture").unwrap();
    let shown = A_KITTY.run(world.command(&SEARCH));
    shown.assert_clean();
    assert_eq!(kitty_pictures(&shown.text()).len(), 2);
    assert!(shown.text().contains("file cannot be read"));
    assert_facts(&world, &shown);
}

fn search_on(terminal: &PlayedTerminal) -> (World, Shown) {
    let world = World::with_pictures(PICTURES);
    let shown = terminal.run(world.command(&SEARCH));
    (world, shown)
}

/// The paths of what is found, the best first.
fn found(world: &World) -> Vec<String> {
    let ran = world.well(&["search", "a windmill", "--format", "paths"]);
    ran.stdout.lines().map(str::to_owned).collect()
}

/// Under each picture is what JSON says of it.
#[track_caller]
fn assert_facts(world: &World, shown: &Shown) {
    let json = world
        .well(&["search", "a windmill", "--format", "json"])
        .json();
    let text = shown.answer();
    for (n, hit) in json["hits"].as_array().unwrap().iter().enumerate() {
        let similarity = hit["similarity"].as_f64().unwrap();
        let facts = format!("{}  similarity {similarity:.3}", n + 1);
        assert!(text.contains(&facts), "{facts}");
        assert!(text.contains(hit["id"].as_str().unwrap()), "{hit}");
        let name = Path::new(hit["path"].as_str().unwrap())
            .file_name()
            .unwrap();
        assert!(text.contains(name.to_str().unwrap()), "{hit}");
    }
    assert!(!text.contains("rank"), "no table");
}

#[track_caller]
fn assert_is_table(shown: &Shown) {
    let answer = shown.answer();
    assert!(answer.contains("rank  similarity"), "{answer:?}");
    for start in ["\x1b_G", "\x1bP", "\x1b]1337"] {
        assert!(!answer.contains(start), "{answer:?}");
    }
}

fn thumbnail(path: &str) -> Picture {
    let picture = Picture::open(Path::new(path), &Limits::default()).unwrap();
    picture.thumbnail(FRAME.0, FRAME.1)
}

/// What stands between a start and the end after it, each time.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    let parts = text.split(start).skip(1);
    parts.map(move |part| part.split_once(end).unwrap().0)
}

/// The pictures sent by kitty's protocol, put together from their chunks.
fn kitty_pictures(text: &str) -> Vec<Picture> {
    let (mut pictures, mut data) = (Vec::new(), String::new());
    for command in between(text, "\x1b_G", "\x1b\\") {
        let (keys, chunk) = command.split_once(';').unwrap();
        if keys.contains("a=q") {
            continue;
        }
        assert_eq!(
            keys.contains("a=T,f=100,C=1,q=2"),
            data.is_empty(),
            "{keys}"
        );
        assert!(chunk.len() <= 4096, "{} bytes at once", chunk.len());
        data.push_str(chunk);
        if keys.ends_with("m=0") {
            let bytes = STANDARD.decode(std::mem::take(&mut data)).unwrap();
            assert!(bytes.starts_with(b"\x89PNG"));
            pictures.push(Picture::decode(&bytes, &Limits::default()).unwrap());
        }
    }
    assert!(data.is_empty(), "a picture has no end");
    pictures
}

/// How many colours a sixel picture's palette has.
fn colours(sixels: &str) -> usize {
    sixels.matches(";2;").count()
}

/// A number at the start of a text, and the rest.
fn number(text: &str) -> (usize, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].parse().unwrap(), &text[end..])
}

/// The pixels of a sixel picture, all of which have to be drawn.
fn decode_sixels(sixels: &str) -> Picture {
    let rest = sixels.strip_prefix("\"1;1;").unwrap();
    let (width, rest) = number(rest);
    let (height, mut rest) = number(&rest[1..]);
    let mut pixels = vec![None; width * height];
    let (mut palette, mut colour, mut x, mut y) = (Vec::new(), 0, 0, 0);
    while let Some(c) = rest.chars().next() {
        rest = &rest[1..];
        let mut count = 1;
        let mut sixel = c;
        match c {
            '#' => {
                (colour, rest) = number(rest);
                if let Some(mut levels) = rest.strip_prefix(";2;") {
                    let mut level = [0; 3];
                    for level in &mut level {
                        let percent;
                        (percent, levels) = number(levels.trim_start_matches(';'));
                        *level = (percent * 255 / 100) as u8;
                    }
                    palette.push(level);
                    rest = levels;
                }
                continue;
            }
            '$' => x = 0,
            '-' => (x, y) = (0, y + 6),
            '!' => {
                (count, rest) = number(rest);
                sixel = rest.chars().next().unwrap();
                rest = &rest[1..];
            }
            _ => {}
        }
        if ('?'..='~').contains(&sixel) {
            for _ in 0..count {
                for bit in (0..6).filter(|bit| (sixel as u8 - b'?') >> bit & 1 == 1) {
                    let pixel = &mut pixels[(y + bit) * width + x];
                    assert_eq!(*pixel, None, "drawn twice");
                    *pixel = Some(palette[colour]);
                }
                x += 1;
            }
        }
    }
    let pixels = pixels.into_iter().flat_map(|pixel| pixel.expect("drawn"));
    Picture::from_rgb(width as u32, height as u32, pixels.collect()).unwrap()
}

/// How many levels two pictures are apart on average, seen from as far as dithering asks for.
fn blurred_difference(a: &Picture, b: &Picture) -> f64 {
    let small = |picture: &Picture| picture.thumbnail(40, 40);
    let (a, b) = (small(a), small(b));
    let pairs = a.pixels().iter().zip(b.pixels());
    let sum: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / a.pixels().len() as f64
}
