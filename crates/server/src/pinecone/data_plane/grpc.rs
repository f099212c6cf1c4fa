//! The data plane of an index over gRPC, on the same port as REST.

mod convert;
/// Generated from `tools/protocol/vector_service.proto` by `just protocol`.
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic)]
mod generated;

use axum::Router;
use tonic::{Request, Status};

use self::generated as wire;
use self::generated::vector_service_server::{VectorService, VectorServiceServer};
use super::operations::{Operations, Served};
use crate::pinecone::json_body;

/// The path of each method.
const PATHS: [&str; 12] = [
    "/VectorService/Upsert",
    "/VectorService/Delete",
    "/VectorService/Fetch",
    "/VectorService/FetchByMetadata",
    "/VectorService/List",
    "/VectorService/Query",
    "/VectorService/Update",
    "/VectorService/DescribeIndexStats",
    "/VectorService/ListNamespaces",
    "/VectorService/DescribeNamespace",
    "/VectorService/DeleteNamespace",
    "/VectorService/CreateNamespace",
];

/// The paths of unknown methods.
const OTHERS: &str = "/VectorService/{method}";

type Answer<T> = Result<tonic::Response<T>, Status>;

/// A router of the methods.
pub(crate) fn router(served: Served) -> Router {
    let service = VectorServiceServer::new(Service(served));
    let service = service.max_decoding_message_size(json_body::LARGEST);
    let paths = PATHS.into_iter().chain([OTHERS]);
    paths.fold(Router::new(), |router, path| {
        router.route_service(path, service.clone())
    })
}

fn answer<T>(message: impl Into<T>) -> Answer<T> {
    Ok(tonic::Response::new(message.into()))
}

struct Service(Served);

impl Service {
    /// The operations for a request and its message.
    fn asked<T>(&self, request: Request<T>) -> Result<(Operations, T), Status> {
        let (_, extensions, message) = request.into_parts();
        Ok((self.0.operations(&extensions)?, message))
    }
}

#[tonic::async_trait]
impl VectorService for Service {
    async fn upsert(&self, request: Request<wire::UpsertRequest>) -> Answer<wire::UpsertResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.upsert(message.try_into()?).await?)
    }

    async fn delete(&self, request: Request<wire::DeleteRequest>) -> Answer<wire::DeleteResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.delete(message.try_into()?).await?)
    }

    async fn fetch(&self, request: Request<wire::FetchRequest>) -> Answer<wire::FetchResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.fetch(message.into()).await?)
    }

    async fn fetch_by_metadata(
        &self,
        request: Request<wire::FetchByMetadataRequest>,
    ) -> Answer<wire::FetchByMetadataResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.fetch_by_metadata(message.try_into()?).await?)
    }

    async fn list(&self, request: Request<wire::ListRequest>) -> Answer<wire::ListResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.list(message.into()).await?)
    }

    async fn query(&self, request: Request<wire::QueryRequest>) -> Answer<wire::QueryResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.query(message.try_into()?).await?)
    }

    async fn update(&self, request: Request<wire::UpdateRequest>) -> Answer<wire::UpdateResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.update(message.try_into()?).await?)
    }

    async fn describe_index_stats(
        &self,
        request: Request<wire::DescribeIndexStatsRequest>,
    ) -> Answer<wire::DescribeIndexStatsResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.stats(message.try_into()?).await?)
    }

    async fn list_namespaces(
        &self,
        request: Request<wire::ListNamespacesRequest>,
    ) -> Answer<wire::ListNamespacesResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.list_namespaces(message.into()).await?)
    }

    async fn describe_namespace(
        &self,
        request: Request<wire::DescribeNamespaceRequest>,
    ) -> Answer<wire::NamespaceDescription> {
        let (operations, message) = self.asked(request)?;
        answer(operations.describe_namespace(message.namespace).await?)
    }

    async fn delete_namespace(
        &self,
        request: Request<wire::DeleteNamespaceRequest>,
    ) -> Answer<wire::DeleteResponse> {
        let (operations, message) = self.asked(request)?;
        answer(operations.delete_namespace(message.namespace).await?)
    }

    async fn create_namespace(
        &self,
        request: Request<wire::CreateNamespaceRequest>,
    ) -> Answer<wire::NamespaceDescription> {
        let (operations, message) = self.asked(request)?;
        answer(operations.create_namespace(message.name).await?)
    }
}
