//! The help of every command: complete, and short where it is asked for with `-h`.

use crate::world::World;

/// The size of a terminal that `-h` fits on.
const LINES: usize = 40;
const COLUMNS: usize = 100;

/// The help of a command, as `flag` asks for it, on a terminal of so many columns.
fn help(world: &World, command: &[String], flag: &str, columns: usize) -> String {
    let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    arguments.push(flag);
    let mut command = world.command(&arguments);
    let output = command
        .env("COLUMNS", columns.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands that a help lists.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:");
    let lines = lines.skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

/// Every command and subcommand, the program itself first.
fn commands(world: &World) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = all.get(next).cloned() {
        for name in subcommands(&help(world, &command, "-h", COLUMNS)) {
            all.push([&command[..], &[name]].concat());
        }
        next += 1;
    }
    all
}

#[test]
fn short_help_fits_on_a_screen() {
    let world = World::new();
    let commands = commands(&world);
    assert!(commands.len() > 30, "{commands:?}");
    for command in &commands {
        let help = help(&world, command, "-h", COLUMNS);
        let lines = help.lines().count();
        assert!(lines <= LINES, "{command:?}: {lines} lines\n{help}");
        for line in help.lines() {
            assert!(line.chars().count() <= COLUMNS, "{command:?}: {line}");
        }
    }
}

#[test]
fn long_help_has_examples_and_no_line_is_too_wide() {
    let world = World::new();
    for command in commands(&world) {
        let help = help(&world, &command, "--help", COLUMNS);
        for line in help.lines() {
            assert!(line.chars().count() <= COLUMNS, "{command:?}: {line}");
        }
    }
    for command in [
        "add", "search", "classify", "download", "embed", "eval", "index", "serve", "browse", "man",
    ] {
        let help = help(&world, &[command.to_owned()], "--help", COLUMNS);
        assert!(help.contains("Examples:"), "{command}: {help}");
    }
}
