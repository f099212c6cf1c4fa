//! The data plane over gRPC, as a client sees it.

#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic)]
pub(crate) mod generated;

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use clipseek::{Clipseek, Settings};
use generated::vector_service_client::VectorServiceClient;
use generated::{
    CreateNamespaceRequest, DeleteNamespaceRequest, DeleteRequest, DescribeIndexStatsRequest,
    DescribeNamespaceRequest, FetchByMetadataRequest, FetchRequest, ListNamespacesRequest,
    ListRequest, QueryRequest, QueryVector, SparseValues, UpdateRequest, UpsertRequest, Vector,
};
use index::{IndexSpec, Metric};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use search::Store;
use server::{Keys, Server, ServerError, ServerOptions};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

fn keys(keys: &[&str]) -> Keys {
    keys.iter().collect()
}

/// No test may hang for longer.
const HANG: Duration = Duration::from_secs(60);

/// Between two looks at what has no event to wait for.
const PAUSE: Duration = Duration::from_millis(20);

/// A server of an index of two dimensions, and a client of that index.
struct World {
    client: VectorServiceClient<Channel>,
    address: String,
    end: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<Result<(), ServerError>>,
}

impl World {
    async fn start(folder: &Path, change: impl FnOnce(&mut ServerOptions)) -> World {
        Self::of(folder, Metric::Dotproduct, change).await
    }

    async fn of(folder: &Path, metric: Metric, change: impl FnOnce(&mut ServerOptions)) -> World {
        let clipseek = Clipseek::new(Settings::in_directory(folder));
        let spec = IndexSpec {
            name: "animals".to_owned(),
            dimension: 2,
            metric,
        };
        clipseek
            .store()
            .unwrap()
            .engine()
            .create_index(&spec)
            .unwrap();
        let mut options = ServerOptions::new("127.0.0.1:0".parse().unwrap(), Keys::default());
        change(&mut options);
        let server = Server::bind(clipseek, options).await.unwrap();
        // Another view of the store: there the port is kept.
        let settings = Store::open(folder).unwrap().engine().settings("animals");
        let address = format!("http://127.0.0.1:{}", settings.unwrap().port.unwrap());
        let (end, ended) = oneshot::channel();
        let served = tokio::spawn(server.run(async {
            let _ = ended.await;
        }));
        let endpoint = Endpoint::from_shared(address.clone()).unwrap();
        World {
            address,
            client: VectorServiceClient::new(endpoint.connect().await.unwrap()),
            end,
            served,
        }
    }

    async fn end(self) {
        drop(self.client);
        self.end.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    async fn upsert_animals(&mut self) {
        let animal = |id: &str, values: [f32; 2], legs: f64| Vector {
            id: id.to_owned(),
            values: values.to_vec(),
            metadata: Some(object([("legs", Kind::NumberValue(legs))])),
            sparse_values: None,
        };
        let request = UpsertRequest {
            vectors: vec![
                animal("dog", [1.0, 0.1], 4.0),
                animal("cat", [0.9, 0.3], 4.0),
                animal("hen", [0.2, 1.0], 2.5),
            ],
            namespace: String::new(),
        };
        let answer = self.client.upsert(request).await.unwrap();
        assert_eq!(answer.into_inner().upserted_count, 3);
    }
}

async fn stats(client: &mut VectorServiceClient<Channel>) -> Result<(), Status> {
    let request = DescribeIndexStatsRequest::default();
    client.describe_index_stats(request).await.map(drop)
}

fn object<const COUNT: usize>(fields: [(&str, Kind); COUNT]) -> Struct {
    let value = |kind| Value { kind: Some(kind) };
    Struct {
        fields: fields
            .map(|(name, kind)| (name.to_owned(), value(kind)))
            .into(),
    }
}

#[tokio::test]
async fn vectors_are_written_found_changed_and_deleted() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), |_| ()).await;
    world.upsert_animals().await;
    let client = &mut world.client;
    let four = || Some(object([("legs", Kind::NumberValue(4.0))]));

    let request = QueryRequest {
        vector: vec![0.0, 1.0],
        top_k: 2,
        include_metadata: true,
        include_values: true,
        ..QueryRequest::default()
    };
    let found = client.query(request).await.unwrap().into_inner();
    let ids: Vec<&str> = found
        .matches
        .iter()
        .map(|found| found.id.as_str())
        .collect();
    assert_eq!(ids, ["hen", "cat"]);
    let legs = &found.matches[0].metadata.as_ref().unwrap().fields["legs"];
    assert_eq!(legs.kind, Some(Kind::NumberValue(2.5)));
    assert_eq!(found.matches[0].values, [0.2, 1.0]);

    let request = UpdateRequest {
        filter: four(),
        set_metadata: Some(object([("wild", Kind::BoolValue(false))])),
        ..UpdateRequest::default()
    };
    let answer = client.update(request).await.unwrap().into_inner();
    assert_eq!(answer.matched_records, Some(2));
    let request = FetchRequest {
        ids: vec!["cat".to_owned(), "cow".to_owned()],
        namespace: String::new(),
    };
    let fetched = client.fetch(request).await.unwrap().into_inner();
    assert_eq!(fetched.vectors.len(), 1);
    let metadata = fetched.vectors["cat"].metadata.as_ref().unwrap();
    assert_eq!(metadata.fields.len(), 2);

    let (mut ids, mut pagination_token) = (Vec::new(), None);
    loop {
        let request = FetchByMetadataRequest {
            filter: four(),
            limit: Some(1),
            pagination_token,
            ..FetchByMetadataRequest::default()
        };
        let page = client.fetch_by_metadata(request).await.unwrap();
        let page = page.into_inner();
        ids.extend(page.vectors.into_keys());
        pagination_token = page.pagination.map(|pagination| pagination.next);
        if pagination_token.is_none() {
            break;
        }
    }
    assert_eq!(ids, ["cat", "dog"]);
    let request = ListRequest {
        prefix: Some("h".to_owned()),
        ..ListRequest::default()
    };
    let listed = client.list(request).await.unwrap().into_inner();
    assert_eq!((listed.vectors.len(), listed.pagination), (1, None));

    let request = DeleteRequest {
        filter: four(),
        ..DeleteRequest::default()
    };
    client.delete(request).await.unwrap();
    let request = DescribeIndexStatsRequest::default();
    let stats = client.describe_index_stats(request).await.unwrap();
    let stats = stats.into_inner();
    assert_eq!((stats.total_vector_count, stats.dimension), (1, Some(2)));
    assert_eq!(stats.metric.as_deref(), Some("dotproduct"));

    let request = ListNamespacesRequest::default();
    let listed = client.list_namespaces(request).await.unwrap().into_inner();
    assert_eq!(listed.namespaces[0].name, "__default__");
    let namespace = listed.namespaces[0].name.clone();
    let request = DescribeNamespaceRequest {
        namespace: namespace.clone(),
    };
    let described = client.describe_namespace(request).await.unwrap();
    assert_eq!(described.into_inner().record_count, 1);
    let request = DeleteNamespaceRequest { namespace };
    client.delete_namespace(request).await.unwrap();

    let request = CreateNamespaceRequest {
        name: "made".to_owned(),
        schema: None,
    };
    client.create_namespace(request).await.unwrap();
    for count in [1, 0] {
        let request = ListNamespacesRequest::default();
        let listed = client.list_namespaces(request).await.unwrap().into_inner();
        assert_eq!(listed.namespaces.len(), count);
        let request = DeleteNamespaceRequest {
            namespace: "made".to_owned(),
        };
        assert_eq!(client.delete_namespace(request).await.is_ok(), count == 1);
    }
    world.end().await;
}

#[tokio::test]
async fn refusals_have_their_codes() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), |_| ()).await;
    let client = &mut world.client;
    let expect = |code: Code, answer: Result<(), Status>| {
        let status = answer.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(!status.message().is_empty());
    };
    let vector = |values: Vec<f32>| Vector {
        id: "a".to_owned(),
        values,
        ..Vector::default()
    };
    let upsert = |vector: Vector| UpsertRequest {
        vectors: vec![vector],
        namespace: String::new(),
    };
    let answer = client.upsert(upsert(vector(vec![1.0]))).await;
    expect(Code::InvalidArgument, answer.map(drop));
    let sparse = Vector {
        sparse_values: Some(SparseValues {
            indices: vec![1, 2],
            values: vec![1.0],
        }),
        ..vector(vec![1.0, 2.0])
    };
    let answer = client.upsert(upsert(sparse)).await;
    expect(Code::InvalidArgument, answer.map(drop));
    let several = QueryRequest {
        queries: vec![QueryVector::default()],
        top_k: 1,
        ..QueryRequest::default()
    };
    expect(Code::Unimplemented, client.query(several).await.map(drop));
    let large = upsert(vector(vec![1.0; 600_000]));
    // Not one of the codes that clients try again.
    expect(Code::OutOfRange, client.upsert(large).await.map(drop));
    let not_a_number = FetchByMetadataRequest {
        filter: Some(object([("a", Kind::NumberValue(f64::NAN))])),
        ..FetchByMetadataRequest::default()
    };
    let answer = client.fetch_by_metadata(not_a_number).await;
    expect(Code::InvalidArgument, answer.map(drop));
    let filtered = DescribeIndexStatsRequest {
        filter: Some(object([("a", Kind::NumberValue(1.0))])),
    };
    let answer = client.describe_index_stats(filtered).await;
    expect(Code::InvalidArgument, answer.map(drop));
    let long = ListRequest {
        namespace: "n".repeat(513),
        ..ListRequest::default()
    };
    expect(Code::InvalidArgument, client.list(long).await.map(drop));
    let missing = DescribeNamespaceRequest {
        namespace: "none".to_owned(),
    };
    let answer = client.describe_namespace(missing).await;
    expect(Code::NotFound, answer.map(drop));
    let made = |name: &str| CreateNamespaceRequest {
        name: name.to_owned(),
        schema: None,
    };
    let answer = client.create_namespace(made("")).await;
    expect(Code::InvalidArgument, answer.map(drop));
    client.create_namespace(made("made")).await.unwrap();
    let answer = client.create_namespace(made("made")).await;
    expect(Code::AlreadyExists, answer.map(drop));
    world.end().await;
}

#[tokio::test]
async fn a_query_of_zeros_lists_by_cosine() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::of(store.path(), Metric::Cosine, |_| ()).await;
    world.upsert_animals().await;
    let request = QueryRequest {
        vector: vec![0.0; 2],
        top_k: 2,
        ..QueryRequest::default()
    };
    let found = world.client.query(request).await.unwrap().into_inner();
    let found = found.matches.iter();
    let found: Vec<_> = found
        .map(|found| (found.id.as_str(), found.score))
        .collect();
    assert_eq!(found, [("cat", 0.0), ("dog", 0.0)]);
    world.end().await;
}

#[tokio::test]
async fn a_key_is_asked_for() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), |options| options.keys = keys(&["secret"])).await;
    let request = || Request::new(DescribeIndexStatsRequest::default());
    let refused = world.client.describe_index_stats(request()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(refused.message(), "Invalid API key");
    let named = with_key(request(), "secret");
    world.client.describe_index_stats(named).await.unwrap();
    world.end().await;
}

fn with_key<T>(mut request: Request<T>, key: &'static str) -> Request<T> {
    let key = MetadataValue::from_static(key);
    request.metadata_mut().insert("api-key", key);
    request
}

#[tokio::test]
async fn a_key_that_may_only_read_reads() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), |options| {
        options.keys = keys(&["secret"]).with_read_only(["read"]);
    })
    .await;
    let stats = Request::new(DescribeIndexStatsRequest::default());
    let stats = world.client.describe_index_stats(with_key(stats, "read"));
    stats.await.unwrap();
    let query = QueryRequest {
        vector: vec![1.0, 2.0],
        top_k: 1,
        ..QueryRequest::default()
    };
    let found = world.client.query(with_key(Request::new(query), "read"));
    assert!(found.await.unwrap().into_inner().matches.is_empty());
    let upsert = UpsertRequest {
        vectors: vec![Vector {
            id: "a".to_owned(),
            values: vec![1.0, 2.0],
            ..Vector::default()
        }],
        namespace: String::new(),
    };
    let refused = world
        .client
        .upsert(with_key(Request::new(upsert.clone()), "read"));
    assert_eq!(refused.await.unwrap_err().code(), Code::PermissionDenied);
    let written = world
        .client
        .upsert(with_key(Request::new(upsert), "secret"));
    assert_eq!(written.await.unwrap().into_inner().upserted_count, 1);
    world.end().await;
}

#[tokio::test]
async fn who_asks_too_often_is_told_so_in_the_form_of_grpc() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), |options| {
        options.limits.rate = NonZeroU32::new(1);
    })
    .await;
    let client = &mut world.client;
    stats(client).await.unwrap();
    let refused = async {
        loop {
            if let Err(refused) = stats(client).await {
                return refused;
            }
        }
    };
    let refused = timeout(HANG, refused).await.unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    world.end().await;
}

#[tokio::test]
async fn who_comes_when_there_are_too_many_is_told_so_in_the_form_of_grpc() {
    let store = tempfile::tempdir().unwrap();
    let mut world = World::start(store.path(), |options| options.limits.connections = 1).await;
    stats(&mut world.client).await.unwrap();
    let endpoint = Endpoint::from_shared(world.address.clone()).unwrap();
    let mut other = VectorServiceClient::new(endpoint.connect().await.unwrap());
    for _ in 0..3 {
        let refused = stats(&mut other).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        let message = refused.message();
        assert!(message.contains("too many connections"), "{message}");
    }
    // Once there is room, it is let in on the connection that it has.
    world.client = other.clone();
    let let_in = async {
        while let Err(refused) = stats(&mut other).await {
            assert_eq!(refused.code(), Code::Unavailable);
            sleep(PAUSE).await;
        }
    };
    timeout(HANG, let_in).await.unwrap();
    drop(other);
    world.end().await;
}
