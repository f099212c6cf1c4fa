use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use clipseek::{Clipseek, parse_filter};
use index::{
    Engine, EngineKind, Index, IndexSettings, IndexSpec, Metadata, Metric, Page, Query, QueryBy,
    Selection, Update, Vector,
};
use search::{Store, is_of_collections};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::engine_arguments::{DeploymentArguments, EngineArguments, note_delay};
use crate::environment;
use crate::error::Error;
use crate::exit::Outcome;
use crate::output;
use crate::required_group::one_of;
use crate::terminal::{count, message};

/// The number of vectors in a batch of `index upsert`.
const BATCH: usize = 1000;

/// Work with raw vectors: indexes, namespaces, upserts, queries
#[derive(Args, Debug)]
#[command(after_long_help = format!("Examples:
  clipseek index create articles --dimension 256 --metric cosine
  clipseek index upsert articles vectors.jsonl
  clipseek embed \"a dog\" --model mini | clipseek index query articles --vector -
  clipseek index drop articles
  clipseek index list --engine pinecone

A collection is an index too: its pictures are in the namespace `images`, its captions in `captions`. Results are \
JSON in the form of Pinecone's API. With --engine pinecone, the same commands work on indexes at Pinecone.

{}", environment::of_pinecone()))]
pub(crate) struct Arguments {
    #[command(flatten)]
    engine: EngineArguments,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an index
    Create(Create),
    /// Change deletion protection and tags of an index
    Configure(Configure),
    /// List the indexes
    List,
    /// Describe an index
    Describe(Name),
    /// Count the vectors in an index and in each namespace
    Stats(Name),
    /// Insert or replace vectors from a JSONL file
    ///
    /// Each line is an object: {"id": …, "values": […], "metadata": {…}}
    Upsert(Upsert),
    /// Find the nearest vectors to a vector or id
    Query(QueryArguments),
    /// Print vectors by id or filter
    Fetch(Fetch),
    /// List the ids in a namespace
    Ids(Ids),
    /// Change values or metadata of vectors
    Update(UpdateArguments),
    /// Delete vectors by id, by filter, or all in a namespace
    Delete(Delete),
    /// Delete an index and all its vectors
    Drop(Name),
}

#[derive(Args, Debug)]
pub(crate) struct Name {
    /// Name of the index
    name: String,
}

#[derive(Args, Debug)]
#[command(group = one_of("what", ["dimension", "sparse"]))]
pub(crate) struct Create {
    /// Name of the new index: up to 45 of a-z, 0-9 and -
    name: String,

    /// Set the dimension of vectors
    #[arg(short, long, value_name = "N", value_parser = dimension)]
    dimension: Option<usize>,

    /// Create an index for sparse vectors, which have no dimension
    #[arg(long, conflicts_with_all = ["dimension", "metric"])]
    sparse: bool,

    /// Compare vectors by this metric
    #[arg(short, long, value_enum, default_value_t = MetricName::Cosine)]
    metric: MetricName,

    #[command(flatten)]
    deployment: DeploymentArguments,
}

#[derive(Args, Debug)]
pub(crate) struct Configure {
    /// Name of the index
    name: String,

    /// Allow or prevent deletion of the index
    #[arg(long, value_enum, value_name = "enabled|disabled")]
    deletion_protection: Option<Protection>,

    /// Set a tag; NAME= without a text removes it
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
    /// Cosine similarity; higher is nearer
    Cosine,
    /// Dot product; higher is nearer
    Dotproduct,
    /// Squared Euclidean distance; lower is nearer
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
    /// Name of the index
    name: String,

    /// Use this namespace [default: the unnamed one]
    #[arg(short, long, default_value = "", hide_default_value = true)]
    namespace: String,
}

#[derive(Args, Debug)]
pub(crate) struct Upsert {
    #[command(flatten)]
    target: Namespace,

    /// JSONL file of vectors; `-` is standard input
    #[arg(default_value = "-", value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args, Debug)]
#[command(group = one_of("what", ["vector", "sparse_vector", "id"]))]
pub(crate) struct QueryArguments {
    #[command(flatten)]
    target: Namespace,

    /// Search near this JSON array; `-` reads it from standard input
    #[arg(long, value_name = "JSON")]
    vector: Option<String>,

    /// Search near this sparse vector
    ///
    /// Its form is {"indices": […], "values": […]}. It can be combined with --vector.
    #[arg(long, value_name = "JSON")]
    sparse_vector: Option<String>,

    /// Search near the vector with this id
    #[arg(long, conflicts_with_all = ["vector", "sparse_vector"])]
    id: Option<String>,

    /// Return at most this many vectors
    #[arg(short = 'k', long, value_name = "N", default_value_t = 10)]
    top_k: usize,

    /// Search only vectors whose metadata match this filter
    ///
    /// The filter is in Pinecone's filter language.
    #[arg(short, long, value_name = "JSON")]
    filter: Option<String>,

    /// Include values in the result
    #[arg(long)]
    include_values: bool,

    /// Include metadata in the result
    #[arg(long)]
    include_metadata: bool,
}

#[derive(Args, Debug)]
#[command(group = one_of("what", ["ids", "filter"]))]
pub(crate) struct Fetch {
    #[command(flatten)]
    target: Namespace,

    /// Ids of vectors
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// Print vectors whose metadata match this filter
    ///
    /// The filter is in Pinecone's filter language.
    #[arg(short, long, value_name = "JSON", conflicts_with = "ids")]
    filter: Option<String>,

    /// Return at most this many vectors with --filter
    #[arg(long, default_value_t = 100, requires = "filter")]
    limit: usize,

    /// Continue with this `pagination.next` of the previous page
    #[arg(long, value_name = "TOKEN", requires = "filter")]
    token: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Ids {
    #[command(flatten)]
    target: Namespace,

    /// List only ids with this prefix
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,

    /// Return at most this many ids
    #[arg(long, default_value_t = 100)]
    limit: usize,

    /// Continue with this `pagination.next` of the previous page
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

#[derive(Args, Debug)]
#[command(group = one_of("what", ["values", "sparse_values", "metadata"]))]
#[command(override_usage = "clipseek index update [OPTIONS] <NAME> <ID>
       clipseek index update [OPTIONS] <NAME> --filter <JSON> --metadata <JSON>")]
pub(crate) struct UpdateArguments {
    #[command(flatten)]
    target: Namespace,

    /// Id of the vector to update
    #[arg(required_unless_present = "filter")]
    id: Option<String>,

    /// Update all vectors whose metadata match this filter
    ///
    /// The filter is in Pinecone's filter language. Prints the number of vectors that matched.
    #[arg(
        short,
        long,
        value_name = "JSON",
        conflicts_with_all = ["id", "values", "sparse_values"],
        requires = "metadata"
    )]
    filter: Option<String>,

    /// Set these values, as a JSON array
    #[arg(long, value_name = "JSON")]
    values: Option<String>,

    /// Set these sparse values: {"indices": […], "values": […]}
    #[arg(long, value_name = "JSON")]
    sparse_values: Option<String>,

    /// Set these metadata, as a JSON object; other keys stay
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
}

#[derive(Args, Debug)]
#[command(group = one_of("what", ["ids", "filter", "all"]))]
pub(crate) struct Delete {
    #[command(flatten)]
    target: Namespace,

    /// Ids of vectors
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    /// Delete vectors whose metadata match this filter
    ///
    /// The filter is in Pinecone's filter language.
    #[arg(short, long, value_name = "JSON", conflicts_with = "ids")]
    filter: Option<String>,

    /// Delete all vectors in the namespace
    #[arg(long, conflicts_with_all = ["ids", "filter"])]
    all: bool,
}

pub(crate) fn run(arguments: Arguments, clipseek: &Clipseek) -> Result<Outcome> {
    let store = clipseek.store()?;
    let work = Work {
        engine: arguments.engine.of(store)?,
        store,
    };
    let engine = &work.engine;
    match arguments.command {
        Command::Create(arguments) => create(&arguments, engine),
        Command::Configure(arguments) => configure(&arguments, engine),
        Command::List => print(&engine.list_indexes()?),
        Command::Describe(Name { name }) => print(&engine.describe_index(&name)?),
        Command::Stats(Name { name }) => print(&engine.index(&name)?.stats()?),
        Command::Upsert(arguments) => upsert(&arguments, &work),
        Command::Query(arguments) => query(&arguments, &work),
        Command::Fetch(arguments) => fetch(&arguments, &work),
        Command::Ids(arguments) => ids(&arguments, &work),
        Command::Update(arguments) => update(&arguments, &work),
        Command::Delete(arguments) => delete(&arguments, &work),
        Command::Drop(Name { name }) => drop_index(&name, &work),
    }
}

/// The store and the engine that commands work on.
struct Work<'a> {
    store: &'a Store,
    engine: Engine,
}

impl Work<'_> {
    /// Refuses the index of a collection, which only the collection may change.
    fn refuse_collection(&self, name: &str) -> Result<()> {
        let engine = self.engine.kind();
        let collections = self.store.collections()?;
        let is_its = |info: &search::CollectionInfo| info.name == name && info.engine == engine;
        if collections.iter().any(is_its) {
            let name = name.to_owned();
            return Err(Error::IndexOfCollection { name }.into());
        }
        Ok(())
    }
}

/// Parses a dimension. 0 is refused: in [`IndexSpec`] it stands for sparse vectors.
fn dimension(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => {
            Err("the dimension must be at least 1; for sparse vectors use --sparse".to_owned())
        }
        Ok(dimension) => Ok(dimension),
        Err(_) => Err("expected a number".to_owned()),
    }
}

fn create(arguments: &Create, engine: &Engine) -> Result<Outcome> {
    let spec = IndexSpec {
        name: arguments.name.clone(),
        dimension: arguments.dimension.unwrap_or_default(),
        metric: if arguments.sparse {
            Metric::Dotproduct
        } else {
            arguments.metric.into()
        },
    };
    let settings = IndexSettings {
        deployment: arguments.deployment.deployment(),
        ..IndexSettings::default()
    };
    engine.create_index(&spec, &settings)?;
    print(&engine.describe_index(&spec.name)?)
}

fn configure(arguments: &Configure, engine: &Engine) -> Result<Outcome> {
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

impl Namespace {
    fn open(&self, work: &Work<'_>) -> Result<Index> {
        Ok(work.engine.index(&self.name)?)
    }

    /// Opens an index to change a namespace. Refuses the namespaces of a collection.
    fn open_to_change(&self, work: &Work<'_>) -> Result<Index> {
        if is_of_collections(&self.namespace) {
            work.refuse_collection(&self.name)?;
        }
        self.open(work)
    }
}

fn upsert(arguments: &Upsert, work: &Work<'_>) -> Result<Outcome> {
    let index = arguments.target.open_to_change(work)?;
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
        // Some programs write a byte order mark.
        let line = line.trim_start_matches('\u{feff}');
        if line.trim().is_empty() {
            continue;
        }
        let vector: Vector = serde_json::from_str(line).map_err(|source| Error::VectorLine {
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
    settle(&index, namespace)?;
    print(&json!({ "upsertedCount": written }))
}

/// Waits until the next command can find what this one has written.
fn settle(index: &Index, namespace: &str) -> Result<()> {
    if !index.settle(namespace)? {
        note_delay();
    }
    Ok(())
}

/// What a failed upsert has written so far.
fn refused(written: usize, line: usize) -> String {
    match written {
        0 => format!("no vectors up to line {line} were written"),
        _ => format!("only the first {written} vectors up to line {line} were written"),
    }
}

fn query(arguments: &QueryArguments, work: &Work<'_>) -> Result<Outcome> {
    let by = match (&arguments.id, arguments.vector.as_deref()) {
        (Some(id), _) => QueryBy::Id(id.clone()),
        (None, Some("-")) => {
            let stdin = std::io::stdin().lock();
            QueryBy::Values(
                serde_json::from_reader(stdin)
                    .context("standard input is not a vector; expected a JSON array of numbers")?,
            )
        }
        (None, Some(vector)) => QueryBy::Values(parse(vector, "--vector")?),
        (None, None) => QueryBy::Values(Vec::new()),
    };
    let sparse_vector = arguments.sparse_vector.as_deref();
    let sparse_vector = sparse_vector.map(|text| parse(text, "--sparse-vector"));
    let request = Query {
        by,
        top_k: arguments.top_k,
        filter: arguments.filter.as_deref().map(parse_filter).transpose()?,
        include_values: arguments.include_values,
        include_metadata: arguments.include_metadata,
        sparse_vector: sparse_vector.transpose()?,
    };
    let matches = arguments
        .target
        .open(work)?
        .query(&arguments.target.namespace, &request)?;
    print(&json!({ "matches": matches, "namespace": arguments.target.namespace }))?;
    Ok(Outcome::of(!matches.is_empty()))
}

fn fetch(arguments: &Fetch, work: &Work<'_>) -> Result<Outcome> {
    let index = arguments.target.open(work)?;
    let namespace = &arguments.target.namespace;
    let page = match &arguments.filter {
        Some(filter) => {
            let token = arguments.token.as_deref();
            index.matching(namespace, &parse_filter(filter)?, arguments.limit, token)?
        }
        None => {
            let ids: Vec<&str> = arguments.ids.iter().map(String::as_str).collect();
            let items = index.fetch(namespace, &ids)?;
            Page { items, next: None }
        }
    };
    let found = page.items.len();
    let vectors = page.items.into_iter();
    let vectors: serde_json::Map<String, serde_json::Value> = vectors
        .map(|vector| Ok((vector.id.clone(), serde_json::to_value(vector)?)))
        .collect::<Result<_>>()?;
    print(&paged(
        json!({ "vectors": vectors, "namespace": namespace }),
        page.next,
    ))?;
    Ok(Outcome::of(found > 0 && found >= arguments.ids.len()))
}

fn ids(arguments: &Ids, work: &Work<'_>) -> Result<Outcome> {
    let index = arguments.target.open(work)?;
    let namespace = &arguments.target.namespace;
    let token = arguments.token.as_deref();
    let page = index.list(namespace, &arguments.prefix, arguments.limit, token)?;
    let vectors: Vec<_> = page.items.iter().map(|id| json!({ "id": id })).collect();
    print(&paged(
        json!({ "vectors": vectors, "namespace": namespace }),
        page.next,
    ))
}

/// Adds the token of the next page to a result, if there is one.
fn paged(mut answer: serde_json::Value, next: Option<String>) -> serde_json::Value {
    if let Some(next) = next {
        answer["pagination"] = json!({ "next": next });
    }
    answer
}

fn update(arguments: &UpdateArguments, work: &Work<'_>) -> Result<Outcome> {
    let values = arguments
        .values
        .as_deref()
        .map(|text| parse(text, "--values"))
        .transpose()?;
    let sparse_values = arguments.sparse_values.as_deref();
    let sparse_values = sparse_values.map(|text| parse(text, "--sparse-values"));
    let sparse_values = sparse_values.transpose()?;
    let metadata: Option<Metadata> = arguments
        .metadata
        .as_deref()
        .map(|text| parse(text, "--metadata"))
        .transpose()?;
    let index = arguments.target.open_to_change(work)?;
    let namespace = &arguments.target.namespace;
    match (&arguments.id, &arguments.filter) {
        (Some(id), _) => {
            index.update(
                namespace,
                id,
                &Update {
                    values,
                    metadata,
                    sparse_values,
                },
            )?;
            settle(&index, namespace)?;
            print(&json!({}))
        }
        (None, filter) => {
            let filter = parse_filter(filter.as_deref().unwrap_or_default())?;
            let metadata = metadata.unwrap_or_default();
            let matched = index.update_matching(namespace, &filter, &metadata)?;
            settle(&index, namespace)?;
            print(&json!({ "matchedRecords": matched }))?;
            Ok(Outcome::of(matched > 0))
        }
    }
}

fn delete(arguments: &Delete, work: &Work<'_>) -> Result<Outcome> {
    let selection = match &arguments.filter {
        Some(text) => {
            let filter = parse_filter(text)?;
            if filter.is_empty() {
                bail!("--filter is empty and matches everything; to delete all vectors use --all");
            }
            Selection::Filter(filter)
        }
        None if arguments.all => Selection::All,
        None => Selection::Ids(arguments.ids.clone()),
    };
    let index = arguments.target.open_to_change(work)?;
    let namespace = &arguments.target.namespace;
    let deleted = index.delete(namespace, &selection)?;
    settle(&index, namespace)?;
    match deleted {
        Some(deleted) => {
            message!("deleted {}", count(deleted, "vector"));
            if deleted == 0 {
                list_namespaces(&index, namespace)?;
            }
            Ok(Outcome::of(deleted > 0))
        }
        None => {
            message!(
                "deleted; {} does not report how many vectors",
                EngineKind::Pinecone
            );
            Ok(Outcome::Done)
        }
    }
}

/// Lists the namespaces of an index that lacks `namespace`.
fn list_namespaces(index: &Index, namespace: &str) -> Result<()> {
    let namespaces = index.stats()?.namespaces;
    if namespaces.contains_key(namespace) || namespaces.is_empty() {
        return Ok(());
    }
    let asked = match namespace {
        "" => "no vectors in the unnamed namespace".to_owned(),
        name => format!("no namespace `{name}`"),
    };
    let all = namespaces.iter().map(|(name, stats)| {
        let vectors = count(stats.vector_count as usize, "vector");
        match name.as_str() {
            "" => format!("{vectors} in the unnamed namespace"),
            name => format!("{name} ({vectors})"),
        }
    });
    let all: Vec<String> = all.collect();
    message!("the index has {asked}; it has: {}", all.join(", "));
    Ok(())
}

fn drop_index(name: &str, work: &Work<'_>) -> Result<Outcome> {
    work.refuse_collection(name)?;
    work.engine.drop_index(name)?;
    message!("dropped {name}");
    Ok(Outcome::Done)
}

fn parse<T: DeserializeOwned>(text: &str, flag: &str) -> Result<T> {
    let value = index::parse_json(text).and_then(serde_json::from_value);
    value.with_context(|| format!("{flag} is not valid JSON of the expected form"))
}

fn print(value: &impl Serialize) -> Result<Outcome> {
    output::write(None, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        Ok(writeln!(out)?)
    })?;
    Ok(Outcome::Done)
}
