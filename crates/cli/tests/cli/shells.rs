use std::fs;
use std::process::{Command, Stdio};

use crate::world::World;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// What bash offers for the last of the words, with our script loaded.
fn bash_offers(world: &World, words: &[&str]) -> Vec<String> {
    let script = world.well(&["completions", "bash"]).stdout;
    world.write("clipseek.bash", script);
    let line = words.join(" ");
    let asking = format!(
        r#"
        source ./clipseek.bash
        function=$(complete -p clipseek | sed -E 's/.*-F ([^ ]+).*/\1/')
        COMP_WORDS=({line}{})
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        COMP_LINE='{line}'
        COMP_POINT=${{#COMP_LINE}}
        "$function" clipseek "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\n' "${{COMPREPLY[@]}}"
        "#,
        if line.ends_with(' ') { "''" } else { "" },
    );
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &asking])
        .current_dir(world.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.is_empty(), "{said}");
    let offered = String::from_utf8(output.stdout).unwrap();
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let world = World::new();
    assert_eq!(bash_offers(&world, &["clipseek", "sea"]), ["search"]);
    assert_eq!(
        bash_offers(&world, &["clipseek", "co"]),
        ["collection", "completions"]
    );
    assert_eq!(
        bash_offers(&world, &["clipseek", "collection", "exp"]),
        ["export"]
    );
    assert_eq!(
        bash_offers(&world, &["clipseek", "search", "--thr"]),
        ["--threshold"]
    );
    let formats = bash_offers(&world, &["clipseek", "search", "--format", ""]);
    for format in ["table", "json", "jsonl", "html", "grid", "paths"] {
        assert!(formats.iter().any(|it| it == format), "{formats:?}");
    }
    assert_eq!(
        bash_offers(&world, &["clipseek", "search", "--pictures", "k"]),
        ["kitty"]
    );
}

#[test]
fn every_shell_has_a_script_with_every_command() {
    let world = World::new();
    for shell in SHELLS {
        let script = world.well(&["completions", shell]).stdout;
        for command in [
            "demo",
            "add",
            "search",
            "collection",
            "model",
            "completions",
            "man",
        ] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    assert!(world.fails(&["completions", "tcsh"]).contains("'tcsh'"));
}

#[test]
fn man_pages_have_every_command() {
    let world = World::new();
    world.well(&["man", "--to", "man1"]);
    let commands = [
        "demo",
        "add",
        "search",
        "classify",
        "embed",
        "eval",
        "collection",
        "index",
        "model",
        "completions",
        "man",
    ];
    let root = world.read("man1/clipseek.1");
    for command in commands {
        assert!(
            root.contains(&format!("clipseek\\-{command}(1)")),
            "{command}"
        );
        let page = world.read(&format!("man1/clipseek-{command}.1"));
        for part in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"] {
            assert!(page.contains(part), "{command}: {part}");
        }
    }
    let names: Vec<String> = fs::read_dir(world.path("man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for below in ["collection-export", "index-upsert", "model-pull"] {
        assert!(names.contains(&format!("clipseek-{below}.1")), "{names:?}");
    }
}

#[test]
fn a_page_is_that_of_its_command() {
    let world = World::new();
    let search = world.well(&["man", "search"]).stdout;
    assert!(search.contains("\\-\\-threshold"), "{search}");
    // Examples keep their lines.
    assert!(
        search.contains(".nf\nExamples:\n  clipseek search \"a dog on the beach\"\n"),
        "{search}"
    );
    world.well(&["man", "--to", "man1"]);
    assert_eq!(world.read("man1/clipseek-search.1"), search);
    let error = world.fails(&["man", "find"]);
    assert!(error.contains("no command `clipseek find`"), "{error}");
    assert!(
        error.contains("hint: commands: demo, add, search"),
        "{error}"
    );
}
