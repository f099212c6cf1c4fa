//! The documents name only files, headings, recipes, commands and options that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::world::World;

/// Where documents are: files, and folders of them.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "models/mini/README.md",
    "docs",
];

/// The document that names options of other programs too.
const OTHERS_OPTIONS: &str = "CONTRIBUTING.md";

/// The most lines that the map may have.
const LONGEST_MAP: usize = 150;

/// A document in Markdown.
struct Document {
    /// Its path within the repository.
    path: PathBuf,
    text: String,
}

/// The parts of a document that are checked.
#[derive(Default)]
struct Parts {
    /// Paragraphs, tables and headings, each without line breaks.
    prose: Vec<String>,
    headings: Vec<String>,
    /// Lines of blocks of `sh`.
    shell: Vec<String>,
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

fn documents() -> Vec<Document> {
    let root = root();
    let mut files = Vec::new();
    for path in DOCUMENTS {
        collect(&root.join(path), &mut files);
    }
    let document = |file: PathBuf| Document {
        path: file.strip_prefix(&root).unwrap().to_owned(),
        text: fs::read_to_string(&file).unwrap(),
    };
    files.into_iter().map(document).collect()
}

/// The file at `path`, or the documents in that folder and below it.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else if path.extension().is_some_and(|extension| extension == "md") {
        files.push(path.to_owned());
    }
}

impl Document {
    fn parts(&self) -> Parts {
        let mut parts = Parts::default();
        let mut paragraph = String::new();
        let (mut block, mut command): (Option<&str>, String) = (None, String::new());
        for line in self.text.lines().chain([""]) {
            let fence = line.trim_start().strip_prefix("```");
            match (fence, block) {
                (Some(_), Some(_)) => block = None,
                (Some(language), None) => block = Some(language),
                (None, Some("sh" | "bash" | "console")) => {
                    let line = line.strip_prefix("$ ").unwrap_or(line);
                    if let Some(start) = line.strip_suffix('\\') {
                        command.push_str(start);
                        continue;
                    }
                    command.push_str(line);
                    parts.shell.push(std::mem::take(&mut command));
                }
                (None, Some(_)) => {}
                (None, None) if line.trim().is_empty() => {
                    parts.prose.push(std::mem::take(&mut paragraph));
                }
                (None, None) => {
                    if line.starts_with('#') {
                        let heading = line.trim_start_matches('#').trim();
                        parts.headings.push(heading.to_owned());
                    }
                    paragraph.push_str(line);
                    paragraph.push(' ');
                }
            }
        }
        parts
    }
}

impl Parts {
    /// Code within prose.
    fn spans(&self) -> impl Iterator<Item = &str> {
        let paragraphs = self.prose.iter();
        paragraphs.flat_map(|it| it.split('`').skip(1).step_by(2))
    }

    /// Commands in prose and in blocks, each as its words.
    fn commands(&self) -> Vec<Vec<String>> {
        let lines = self.shell.iter().map(String::as_str);
        lines.chain(self.spans()).flat_map(commands).collect()
    }

    /// The targets of links and pictures.
    fn links(&self) -> Vec<&str> {
        let mut links = Vec::new();
        for paragraph in &self.prose {
            let mut starts = vec!["](", "src=\"", "href=\""];
            // Definitions: `[name]: target`.
            starts.extend(paragraph.starts_with('[').then_some("]: "));
            for start in starts {
                let targets = paragraph.split(start).skip(1);
                links.extend(targets.filter_map(|it| it.split([')', '"', ' ']).next()));
            }
        }
        links
    }

    /// The names by which GitHub links to the headings.
    fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for heading in &self.headings {
            let kept = |it: &char| it.is_alphanumeric() || [' ', '-', '_'].contains(it);
            let slug: String = linkless(heading).chars().filter(kept).collect();
            let slug = slug.to_lowercase().replace(' ', "-");
            let numbered = (1..).map(|number| format!("{slug}-{number}"));
            let mut names = std::iter::once(slug.clone()).chain(numbered);
            anchors.push(names.find(|it| !anchors.contains(it)).unwrap());
        }
        anchors
    }
}

/// A heading without the targets of its links.
fn linkless(heading: &str) -> String {
    let mut parts = heading.split("](");
    let start = parts.next().unwrap_or_default().to_owned();
    let ends = parts.map(|it| it.split_once(')').map_or("", |(_, end)| end));
    start + &ends.collect::<String>()
}

/// The commands in a line of a shell, each as its words without quotation marks.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut command) = (Vec::new(), Vec::new());
    let (mut word, mut quote): (Option<String>, Option<char>) = (None, None);
    for letter in line.chars().chain([';']) {
        match (letter, quote) {
            (letter, Some(mark)) if letter == mark => quote = None,
            (letter, Some(_)) => word.get_or_insert_default().push(letter),
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            ('|' | '&' | ';' | '(' | ')' | '<' | '>', None) => {
                command.extend(word.take());
                commands.push(std::mem::take(&mut command));
            }
            (letter, None) if letter.is_whitespace() => command.extend(word.take()),
            (letter, None) => word.get_or_insert_default().push(letter),
        }
    }
    command.extend(word);
    commands.push(command);
    commands
}

/// The words after the name of `program`, if the command runs it.
fn arguments_of<'a>(command: &'a [String], program: &str) -> Option<&'a [String]> {
    let is_setting = |it: &str| it.split_once('=').is_some_and(|(name, _)| is_capital(name));
    let start = command
        .iter()
        .position(|it| it != "time" && !is_setting(it))?;
    let words = &command[start..];
    if words[0] == program {
        return Some(&words[1..]);
    }
    // `cargo run -- demo` runs it as well.
    let is_run = words[0] == "cargo" && words.get(1)? == "run";
    let is_example = words.iter().any(|it| it == "--example" || it == "-p");
    let end = words.iter().position(|it| it == "--")?;
    (program == "clipseek" && is_run && !is_example).then(|| &words[end + 1..])
}

/// Whether a word stands for others, such as COMMAND or `…`.
fn is_placeholder(word: &str) -> bool {
    word.contains('…') || word.starts_with(['[', '<']) || is_capital(word)
}

fn is_capital(word: &str) -> bool {
    word.chars().all(|it| it.is_ascii_uppercase() || it == '_')
}

/// The options of each command, and the names of commands below it. The program itself has no name here.
struct Grammar(BTreeMap<String, BTreeSet<String>>);

impl Grammar {
    /// What the script for bash offers.
    fn of_the_program() -> Grammar {
        let script = World::new().well(&["completions", "bash"]).stdout;
        let (mut grammar, mut name) = (BTreeMap::new(), String::new());
        for line in script.lines().map(str::trim) {
            if let Some(case) = line.strip_suffix(')') {
                let path = case.split("__subcmd__").skip(1);
                name = path.collect::<Vec<_>>().join(" ");
            } else if let Some(words) = line.strip_prefix("opts=\"") {
                let words = words.trim_end_matches('"').split(' ');
                let offered: BTreeSet<String> = words.map(str::to_owned).collect();
                grammar.insert(std::mem::take(&mut name), offered);
            }
        }
        Grammar(grammar)
    }

    /// What is wrong with the arguments, if anything.
    fn complaint(&self, arguments: &[String]) -> Option<String> {
        let mut name = String::new();
        for word in arguments.iter().take_while(|it| *it != "--") {
            let offered = &self.0[&name];
            let is_short = word.len() == 2 && word.ends_with(|it: char| it.is_alphabetic());
            if word.starts_with("--") || (word.starts_with('-') && is_short) {
                let option = word.split('=').next().unwrap_or_default();
                if !offered.contains(option) {
                    return Some(format!("no option {option}"));
                }
                continue;
            }
            let below = format!("{name} {word}").trim_start().to_owned();
            if self.0.contains_key(&below) {
                name = below;
            } else if is_placeholder(word) && self.has_commands(&name) {
                return None;
            } else if self.has_commands(&name) && !word.starts_with('-') {
                return Some(format!("no command {word}"));
            }
        }
        None
    }

    fn has_commands(&self, name: &str) -> bool {
        let below = format!("{name} help");
        self.0.contains_key(below.trim_start())
    }

    fn has_option(&self, option: &str) -> bool {
        self.0.values().any(|offered| offered.contains(option))
    }
}

/// Fails if anything is wrong, or if nothing was checked.
#[track_caller]
fn verdict(checked: usize, wrong: &[String]) {
    assert!(checked > 0, "nothing was checked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn links_lead_to_files_and_headings() {
    let (root, mut checked, mut wrong) = (root(), 0, Vec::new());
    for document in documents() {
        let parts = document.parts();
        let links = parts.links().into_iter();
        for link in links.filter(|it| !it.contains("://") && !it.starts_with("mailto:")) {
            checked += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = match path {
                "" => root.join(&document.path),
                path => root.join(&document.path).with_file_name(path),
            };
            let is_document = file.extension().is_some_and(|extension| extension == "md");
            let is_right = match fs::read_to_string(&file) {
                Ok(text) if is_document && !anchor.is_empty() => {
                    let target = Document { path: file, text };
                    target.parts().anchors().iter().any(|it| it == anchor)
                }
                _ => file.exists(),
            };
            if !is_right {
                let document = document.path.display();
                wrong.push(format!("{document}: {link} leads nowhere"));
            }
        }
    }
    verdict(checked, &wrong);
}

#[test]
fn paths_of_this_repository_exist() {
    let (root, mut checked, mut wrong) = (root(), 0, Vec::new());
    for document in documents() {
        for span in document.parts().spans() {
            let is_ours = ["crates/", "tools/", "docs/"]
                .iter()
                .any(|it| span.starts_with(it));
            let is_path = |it: char| it.is_ascii_alphanumeric() || "._-/".contains(it);
            if is_ours && span.chars().all(is_path) {
                checked += 1;
                if !root.join(span).exists() {
                    wrong.push(format!("{}: there is no {span}", document.path.display()));
                }
            }
        }
    }
    verdict(checked, &wrong);
}

#[test]
fn recipes_are_in_the_justfile() {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    let headers = justfile.lines().filter(|it| it.contains(':'));
    let recipes: BTreeSet<&str> = headers
        .filter_map(|it| it.split([' ', ':']).next())
        .collect();
    let has_case = |name: &str| {
        let case = format!("{name})");
        justfile
            .lines()
            .any(|it| it.trim_start().starts_with(&case))
    };
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in documents() {
        let commands = document.parts().commands();
        for words in commands.iter().filter_map(|it| arguments_of(it, "just")) {
            let Some(recipe) = words.first().filter(|it| !is_placeholder(it)) else {
                continue;
            };
            checked += 1;
            let what = words.get(1).filter(|it| !is_placeholder(it));
            let is_right = match (recipe.as_str(), what) {
                ("bench", Some(what)) => has_case(what),
                (recipe, _) => recipes.contains(recipe),
            };
            if !is_right {
                let document = document.path.display();
                wrong.push(format!(
                    "{document}: there is no `just {}`",
                    words.join(" ")
                ));
            }
        }
    }
    verdict(checked, &wrong);
}

#[test]
fn commands_and_options_are_the_programs() {
    let grammar = Grammar::of_the_program();
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in documents() {
        let (path, parts) = (document.path.display(), document.parts());
        let commands = parts.commands();
        for words in commands
            .iter()
            .filter_map(|it| arguments_of(it, "clipseek"))
        {
            checked += 1;
            let complaint = grammar.complaint(words);
            wrong.extend(
                complaint.map(|it| format!("{path}: {it} in `clipseek {}`", words.join(" "))),
            );
        }
        let options = parts.spans().filter(|it| it.starts_with("--"));
        for option in options.filter(|_| document.path != Path::new(OTHERS_OPTIONS)) {
            let option = option.split([' ', '=']).next().unwrap_or_default();
            if !grammar.has_option(option) {
                wrong.push(format!("{path}: no command has {option}"));
            }
        }
    }
    verdict(checked, &wrong);
}

#[test]
fn the_map_is_short() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let lines = map.lines().count();
    assert!(lines <= LONGEST_MAP, "ARCHITECTURE.md has {lines} lines");
}
