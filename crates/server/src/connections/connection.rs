use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, sleep, timeout};
use tower_service::Service;

use super::activity::Activity;
use super::admission::{ConnectionSlot, OverExcessConnection};
use super::gateway::Gateway;
use super::lingering_stream::LingeringStream;
use super::request_body::observed;

/// The time limit of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long idle connections stay open after shutdown began, so that requests sent by then are read.
const SHUTDOWN_LINGER: Duration = Duration::from_millis(500);

/// The largest head of a request.
const LARGEST_HEAD: usize = 64 << 10;

/// Answers the requests of a connection until it closes, or `shutdown` comes and no request is in progress.
pub(crate) async fn serve_connection(
    gateway: Arc<Gateway>,
    slot: ConnectionSlot,
    stream: TcpStream,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let _open = gateway.metrics.connection();
    let _ = stream.set_nodelay(true);
    let activity = Activity::new(slot);
    let stream = LingeringStream::new(stream, Arc::clone(&activity));
    let Some(tls) = &gateway.tls else {
        return serve_http(&gateway, stream, &activity, router, shutdown).await;
    };
    let (mut shutdown, mut is_shut_down) = (pin!(shutdown), false);
    let lingered = async {
        shutdown.as_mut().await;
        is_shut_down = true;
        sleep(SHUTDOWN_LINGER).await;
    };
    let encrypted = tokio::select! {
        biased;
        encrypted = timeout(HANDSHAKE, tls.acceptor().accept(stream)) => encrypted,
        () = lingered => return,
    };
    if let Ok(Ok(stream)) = encrypted {
        // The handshake is not a request.
        activity.forget_head();
        // A future that has completed must not be awaited again.
        let shutdown = async {
            if !is_shut_down {
                shutdown.await;
            }
        };
        serve_http(&gateway, stream, &activity, router, shutdown).await;
    }
}

/// Answers the requests of a connection, encrypted or not.
async fn serve_http(
    gateway: &Gateway,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    activity: &Arc<Activity>,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let in_progress = activity.begin(request.version());
        // A slot within the limit may be free by now.
        if activity.is_excess()
            && let Some(slot) = gateway.admission.try_connection()
        {
            activity.move_to(slot);
        }
        let (mut request, read) = observed(request);
        if activity.is_excess() {
            request.extensions_mut().insert(OverExcessConnection);
        }
        let response = router.clone().call(request);
        async move {
            let response = response.await;
            in_progress.end(&read);
            response
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(LARGEST_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut shutdown = pin!(shutdown);
    let mut shut_down_since = None;
    let period = (gateway.limits.time / 4).clamp(SHUTDOWN_LINGER / 10, SHUTDOWN_LINGER);
    let mut checks = interval(period);
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = &mut shutdown, if shut_down_since.is_none() => {
                shut_down_since = Some(Instant::now());
                checks = interval(SHUTDOWN_LINGER / 10);
            }
            _ = checks.tick() => {}
        }
        if activity.is_timed_out(&gateway.limits) {
            return;
        }
        let has_lingered =
            shut_down_since.is_some_and(|since: Instant| since.elapsed() >= SHUTDOWN_LINGER);
        // Over HTTP/1, the response to an excess connection has closed it already.
        let is_told = activity.is_excess() && activity.has_answered() && activity.is_quiet();
        let is_done = has_lingered || is_told;
        match (is_done && activity.is_idle(), activity.is_unused()) {
            (true, true) => return,
            (true, false) => connection.as_mut().graceful_shutdown(),
            (false, _) => {}
        }
    }
}
