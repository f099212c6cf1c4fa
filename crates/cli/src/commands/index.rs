use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use index::{Index, IndexSpec, Metadata, Metric, Query, QueryBy, Selection, Update, Vector};
use search::Store;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::arguments::StoreArguments;
use crate::error::Error;
use crate::exit::Outcome;
use crate::narrowing::parse_filter;
use crate::output;
use crate::terminal::{count, message};

/// Vectors read and written at a time by `index upsert`.
const BATCH: usize = 1000;

/// Work with raw vectors: indexes, namespaces, upsert, query, fetch, update, delete
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  clipseek index create articles --dimension 256 --metric cosine
  clipseek index upsert articles vectors.jsonl
  clipseek embed \"a dog\" --model mini | clipseek index query articles --vector - --top-k 4 --include-metadata
  clipseek index drop articles

A collection is an index too: its pictures are namespace `images`, its captions namespace `captions`.
Answers are JSON in the form of Pinecone's API.")]
pub(crate) enum Command {
    /// Make an index
    Create(Create),
    /// Change what is kept of an index beside its vectors
    Configure(Configure),
    /// List the indexes
    List,
    /// Describe an index
    Describe(Name),
    /// Count the vectors of an index and of its namespaces
    Stats(Name),
    /// Write vectors: lines of {"id": …, "values": […], "metadata": {…}}
    Upsert(Upsert),
    /// Find the vectors nearest to a vector, or to one of the index
    Query(QueryArguments),
    /// Show vectors by their ids
    Fetch(Fetch),
    /// List the ids of a namespace
    Ids(Ids),
    /// Change the values or some metadata of a vector
    Update(UpdateArguments),
    /// Delete vectors by id, by filter, or all of a namespace
    Delete(Delete),
    /// Delete an index with all its vectors
    Drop(Name),
}

#[derive(Args, Debug)]
pub(crate) struct Name {
    /// The index
    name: String,
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The index: up to 45 of a-z, 0-9 and -
    name: String,

    /// Numbers in a vector
    #[arg(short, long, value_name = "N")]
    dimension: usize,

    /// How vectors are compared
    #[arg(short, long, value_enum, default_value_t = MetricName::Cosine)]
    metric: MetricName,
}

#[derive(Args, Debug)]
pub(crate) struct Configure {
    /// The index
    name: String,

    /// Whether it is kept from being dropped
    #[arg(long, value_enum, value_name = "enabled|disabled")]
    deletion_protection: Option<Protection>,

    /// A tag to set, as NAME=TEXT; without a text it is taken away
    #[arg(long = "tag", value_name = "NAME=TEXT")]
    tags: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protection {
    Enabled,
    Disabled,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MetricName {
    /// The cosine of the angle; more is nearer
    Cosine,
    /// The dot product; more is nearer
    Dotproduct,
    /// The squared distance; less is nearer
    Euclidean,
}

impl From<MetricName> for Metric {
    fn from(name: MetricName) -> Metric {
        match name {
            MetricName::Cosine => Metric::Cosine,
            MetricName::Dotproduct => Metric::Dotproduct,
            MetricName::Euclidean => Metric::Euclidean,
        }
    }
}

/// A namespace of an index.
#[derive(Args, Debug)]
pub(crate) struct Namespace {
    /// The index
    name: String,

    /// The namespace [default: the one without a name]
    #[arg(short, long, default_value = "", hide_default_value = true)]
    namespace: String,
}

#[derive(Args, Debug)]
pub(crate) struct Upsert {
    #[command(flatten)]
    target: Namespace,

    /// The file of vectors, or - for standard input
    #[arg(default_value = "-", value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct QueryArguments {
    #[command(flatten)]
    target: Namespace,

    /// The vector as a JSON list, or - to read it from standard input
    #[arg(long, value_name = "JSON", required_unless_present = "id")]
    vector: Option<String>,

    /// Like the vector with this id
    #[arg(long, conflicts_with = "vector")]
    id: Option<String>,

    /// How many vectors to find at most
    #[arg(short = 'k', long, value_name = "N", default_value_t = 10)]
    top_k: usize,

    /// Only vectors whose metadata match, in Pinecone's filter language
    #[arg(short, long, value_name = "JSON")]
    filter: Option<String>,

    /// Show the values of what is found
    #[arg(long)]
    include_values: bool,

    /// Show the metadata of what is found
    #[arg(long)]
    include_metadata: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Fetch {
    #[command(flatten)]
    target: Namespace,

    /// The vectors' ids
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Ids {
    #[command(flatten)]
    target: Namespace,

    /// Only ids that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,

    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: usize,

    /// Only ids that come after this one
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    target: Namespace,

    /// The vector's id
    id: String,

    /// New values, as a JSON list
    #[arg(long, value_name = "JSON", required_unless_present = "metadata")]
    values: Option<String>,

    /// Metadata to set, as a JSON object; other keys stay
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    target: Namespace,

    /// The vectors' ids
    #[arg(value_name = "ID", required_unless_present_any = ["filter", "all"])]
    ids: Vec<String>,

    /// Those whose metadata match, in Pinecone's filter language
    #[arg(short, long, value_name = "JSON", conflicts_with = "ids")]
    filter: Option<String>,

    /// All of the namespace
    #[arg(long, conflicts_with_all = ["ids", "filter"])]
    all: bool,
}

pub(crate) fn run(command: Command, place: &StoreArguments) -> Result<Outcome> {
    let store = place.open()?;
    let engine = store.engine();
    match command {
        Command::Create(Create {
            name,
            dimension,
            metric,
        }) => {
            engine.create_index(&IndexSpec {
                name: name.clone(),
                dimension,
                metric: metric.into(),
            })?;
            print(&engine.describe_index(&name)?)
        }
        Command::Configure(arguments) => {
            let settings = engine.configure_index(&arguments.name, |settings| {
                if let Some(protection) = arguments.deletion_protection {
                    settings.deletion_protection = protection == Protection::Enabled;
                }
                for tag in &arguments.tags {
                    let (name, text) = tag.split_once('=').unwrap_or((tag, ""));
                    match text {
                        "" => settings.tags.remove(name),
                        text => settings.tags.insert(name.to_owned(), text.to_owned()),
                    };
                }
            })?;
            print(&settings)
        }
        Command::List => print(&engine.list_indexes()?),
        Command::Describe(Name { name }) => print(&engine.describe_index(&name)?),
        Command::Stats(Name { name }) => print(&engine.index(&name)?.stats()?),
        Command::Upsert(arguments) => upsert(&arguments, &store),
        Command::Query(arguments) => query(&arguments, &store),
        Command::Fetch(arguments) => fetch(&arguments, &store),
        Command::Ids(Ids {
            target,
            prefix,
            limit,
            after,
        }) => {
            let index = engine.index(&target.name)?;
            print(&index.list(&target.namespace, &prefix, limit, after.as_deref())?)
        }
        Command::Update(arguments) => update(&arguments, &store),
        Command::Delete(arguments) => delete(&arguments, &store),
        Command::Drop(Name { name }) => drop_index(&name, &store),
    }
}

impl Namespace {
    fn open(&self, store: &Store) -> Result<Index> {
        Ok(store.engine().index(&self.name)?)
    }

    /// Opens an index to change it. That of a collection is changed by the collection alone.
    fn open_to_change(&self, store: &Store) -> Result<Index> {
        refuse_collection(&self.name, store)?;
        self.open(store)
    }
}

fn refuse_collection(name: &str, store: &Store) -> Result<()> {
    if store.collections()?.iter().any(|info| info.name == name) {
        return Err(Error::IndexOfCollection {
            name: name.to_owned(),
        }
        .into());
    }
    Ok(())
}

fn upsert(arguments: &Upsert, store: &Store) -> Result<Outcome> {
    let index = arguments.target.open_to_change(store)?;
    let read = |source| Error::Read {
        path: arguments.file.clone(),
        source,
    };
    let lines: Box<dyn BufRead> = if arguments.file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(
            std::fs::File::open(&arguments.file).map_err(read)?,
        ))
    };
    let mut batch = Vec::with_capacity(BATCH);
    let namespace = &arguments.target.namespace;
    let (mut written, mut last) = (0, 0);
    for (n, line) in lines.lines().enumerate() {
        let line = line.map_err(read)?;
        if line.trim().is_empty() {
            continue;
        }
        let vector: Vector = serde_json::from_str(&line).map_err(|source| Error::VectorLine {
            line: n + 1,
            source,
        })?;
        batch.push(vector);
        if batch.len() == BATCH {
            written += index
                .upsert(namespace, &batch)
                .with_context(|| refused(written, n + 1))?;
            batch.clear();
        }
        last = n + 1;
    }
    written += index
        .upsert(namespace, &batch)
        .with_context(|| refused(written, last))?;
    print(&json!({ "upsertedCount": written }))
}

/// What an upsert that fails at a batch has and has not written.
fn refused(written: usize, line: usize) -> String {
    match written {
        0 => format!("none of the lines up to {line} was written"),
        _ => format!("only the first {written} vectors of the lines up to {line} were written"),
    }
}

fn query(arguments: &QueryArguments, store: &Store) -> Result<Outcome> {
    let by = match (&arguments.id, arguments.vector.as_deref()) {
        (Some(id), _) => QueryBy::Id(id.clone()),
        (None, Some("-")) => {
            let stdin = std::io::stdin().lock();
            QueryBy::Values(serde_json::from_reader(stdin).context("standard input is no vector")?)
        }
        (None, vector) => QueryBy::Values(parse(vector.unwrap_or_default(), "--vector")?),
    };
    let request = Query {
        by,
        top_k: arguments.top_k,
        filter: arguments.filter.as_deref().map(parse_filter).transpose()?,
        include_values: arguments.include_values,
        include_metadata: arguments.include_metadata,
    };
    let matches = arguments
        .target
        .open(store)?
        .query(&arguments.target.namespace, &request)?;
    print(&json!({ "matches": matches, "namespace": arguments.target.namespace }))?;
    Ok(Outcome::of(!matches.is_empty()))
}

fn fetch(arguments: &Fetch, store: &Store) -> Result<Outcome> {
    let ids: Vec<&str> = arguments.ids.iter().map(String::as_str).collect();
    let vectors = arguments
        .target
        .open(store)?
        .fetch(&arguments.target.namespace, &ids)?;
    let found = vectors.len();
    let vectors: serde_json::Map<String, serde_json::Value> = vectors
        .into_iter()
        .map(|vector| Ok((vector.id.clone(), serde_json::to_value(vector)?)))
        .collect::<Result<_>>()?;
    print(&json!({ "vectors": vectors, "namespace": arguments.target.namespace }))?;
    Ok(Outcome::of(found == arguments.ids.len()))
}

fn update(arguments: &UpdateArguments, store: &Store) -> Result<Outcome> {
    let values = arguments
        .values
        .as_deref()
        .map(|text| parse(text, "--values"))
        .transpose()?;
    let metadata: Option<Metadata> = arguments
        .metadata
        .as_deref()
        .map(|text| parse(text, "--metadata"))
        .transpose()?;
    let index = arguments.target.open_to_change(store)?;
    index.update(
        &arguments.target.namespace,
        &arguments.id,
        &Update { values, metadata },
    )?;
    print(&json!({}))
}

fn delete(arguments: &Delete, store: &Store) -> Result<Outcome> {
    let selection = match &arguments.filter {
        Some(text) => Selection::Filter(parse_filter(text)?),
        None if arguments.all => Selection::All,
        None => Selection::Ids(arguments.ids.clone()),
    };
    let deleted = arguments
        .target
        .open_to_change(store)?
        .delete(&arguments.target.namespace, &selection)?;
    message!("deleted {}", count(deleted, "vector"));
    Ok(Outcome::of(deleted > 0))
}

fn drop_index(name: &str, store: &Store) -> Result<Outcome> {
    refuse_collection(name, store)?;
    store.engine().drop_index(name)?;
    message!("dropped {name}");
    Ok(Outcome::Done)
}

fn parse<T: DeserializeOwned>(text: &str, flag: &str) -> Result<T> {
    serde_json::from_str(text).with_context(|| format!("{flag} is not the JSON that is expected"))
}

fn print(value: &impl Serialize) -> Result<Outcome> {
    output::write(None, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        Ok(writeln!(out)?)
    })?;
    Ok(Outcome::Done)
}
