//! The data plane of an index over gRPC, at the same port as over REST.

mod convert;
/// Made of `tools/protocol/vector_service.proto` by `just protocol`.
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, rust_2018_idioms, clippy::all, clippy::pedantic)]
mod generated;

use axum::Router;
use tonic::{Request, Status};

use self::generated as wire;
use self::generated::vector_service_server::{VectorService, VectorServiceServer};
use super::operations::Operations;
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
pub(crate) fn router(operations: Operations) -> Router {
    let service = VectorServiceServer::new(Service(operations));
    let service = service.max_decoding_message_size(json_body::LARGEST);
    let paths = PATHS.into_iter().chain([OTHERS]);
    paths.fold(Router::new(), |router, path| {
        router.route_service(path, service.clone())
    })
}

fn answer<T>(message: impl Into<T>) -> Answer<T> {
    Ok(tonic::Response::new(message.into()))
}

struct Service(Operations);

#[tonic::async_trait]
impl VectorService for Service {
    async fn upsert(&self, request: Request<wire::UpsertRequest>) -> Answer<wire::UpsertResponse> {
        answer(self.0.upsert(request.into_inner().try_into()?).await?)
    }

    async fn delete(&self, request: Request<wire::DeleteRequest>) -> Answer<wire::DeleteResponse> {
        answer(self.0.delete(request.into_inner().try_into()?).await?)
    }

    async fn fetch(&self, request: Request<wire::FetchRequest>) -> Answer<wire::FetchResponse> {
        answer(self.0.fetch(request.into_inner().into()).await?)
    }

    async fn fetch_by_metadata(
        &self,
        request: Request<wire::FetchByMetadataRequest>,
    ) -> Answer<wire::FetchByMetadataResponse> {
        answer(
            self.0
                .fetch_by_metadata(request.into_inner().try_into()?)
                .await?,
        )
    }

    async fn list(&self, request: Request<wire::ListRequest>) -> Answer<wire::ListResponse> {
        answer(self.0.list(request.into_inner().into()).await?)
    }

    async fn query(&self, request: Request<wire::QueryRequest>) -> Answer<wire::QueryResponse> {
        answer(self.0.query(request.into_inner().try_into()?).await?)
    }

    async fn update(&self, request: Request<wire::UpdateRequest>) -> Answer<wire::UpdateResponse> {
        answer(self.0.update(request.into_inner().try_into()?).await?)
    }

    async fn describe_index_stats(
        &self,
        request: Request<wire::DescribeIndexStatsRequest>,
    ) -> Answer<wire::DescribeIndexStatsResponse> {
        answer(self.0.stats(request.into_inner().try_into()?).await?)
    }

    async fn list_namespaces(
        &self,
        request: Request<wire::ListNamespacesRequest>,
    ) -> Answer<wire::ListNamespacesResponse> {
        answer(self.0.list_namespaces(request.into_inner().into()).await?)
    }

    async fn describe_namespace(
        &self,
        request: Request<wire::DescribeNamespaceRequest>,
    ) -> Answer<wire::NamespaceDescription> {
        answer(
            self.0
                .describe_namespace(request.into_inner().namespace)
                .await?,
        )
    }

    async fn delete_namespace(
        &self,
        request: Request<wire::DeleteNamespaceRequest>,
    ) -> Answer<wire::DeleteResponse> {
        answer(
            self.0
                .delete_namespace(request.into_inner().namespace)
                .await?,
        )
    }

    async fn create_namespace(
        &self,
        request: Request<wire::CreateNamespaceRequest>,
    ) -> Answer<wire::NamespaceDescription> {
        answer(self.0.create_namespace(request.into_inner().name).await?)
    }
}
