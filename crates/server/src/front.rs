//! What accepts connections and attends to them.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tower_service::Service;

use crate::metrics::Reason;
use crate::state::State;
use crate::watched::{Activity, Watched};

/// How long accepting rests when the system lets none in, for want of file handles for example.
const REST: Duration = Duration::from_millis(100);

/// How long a client may take over the beginning of an encrypted connection.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long connections without a request stay open after the end was said: what had been sent by then is read.
const LINGER: Duration = Duration::from_millis(500);

/// The most that is kept of a connection's head.
const LARGEST_HEAD: usize = 64 << 10;

/// The most connections that are taken from those which the system has let in when the end is said.
const LARGEST_BACKLOG: usize = 4096;

/// What a connection beyond the limit is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
connection: close\r\ncontent-length: 176\r\n\r\n\
{\"status\":503,\"error\":{\"code\":\"UNAVAILABLE\",\"message\":\"there are too many connections; try again\"},\"code\":14,\
\"message\":\"there are too many connections; try again\",\"details\":[]}";

/// Serves until `ended`, then until what has been asked is answered.
pub(crate) async fn serve(
    state: Arc<State>,
    listener: TcpListener,
    router: Router,
    ended: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut end = pin!(either(ended.clone(), state.ending()));
    let attend = |stream| {
        let ended = either(ended.clone(), state.ending());
        connection(Arc::clone(&state), stream, router.clone(), ended)
    };
    loop {
        tokio::select! {
            biased;
            () = &mut end => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(attend(stream))),
                Err(error) if is_of_the_client(&error) => {}
                Err(_) => sleep(REST).await,
            },
        }
    }
    for stream in backlog(listener) {
        connections.spawn(attend(stream));
    }
    while connections.join_next().await.is_some() {}
}

/// Waits until one of the ends is said, or nobody is left to say it.
async fn either(mut one: watch::Receiver<bool>, mut other: watch::Receiver<bool>) {
    tokio::select! {
        _ = one.wait_for(|ended| *ended) => {}
        _ = other.wait_for(|ended| *ended) => {}
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionRefused | Kind::ConnectionAborted | Kind::ConnectionReset
    )
}

/// The connections that the system has let in and nobody has taken yet.
fn backlog(listener: TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else {
        return Vec::new();
    };
    let accepted = std::iter::from_fn(|| listener.accept().ok());
    accepted
        .take(LARGEST_BACKLOG)
        .filter_map(|(stream, _)| {
            stream.set_nonblocking(true).ok()?;
            TcpStream::from_std(stream).ok()
        })
        .collect()
}

async fn connection(
    state: Arc<State>,
    stream: TcpStream,
    router: Router,
    ended: impl Future<Output = ()>,
) {
    let Ok(_place) = Arc::clone(&state.gate.connections).try_acquire_owned() else {
        return refuse(&state, stream).await;
    };
    let _open = state.metrics.connected();
    let _ = stream.set_nodelay(true);
    let activity = Activity::new();
    let stream = Watched::new(stream, Arc::clone(&activity));
    let Some(tls) = &state.tls else {
        return drive(&state, stream, &activity, router, ended).await;
    };
    if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
        // The handshake was no request.
        activity.forget_head();
        drive(&state, stream, &activity, router, ended).await;
    }
}

/// Answers what is asked on a connection.
async fn drive(
    state: &State,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    activity: &Arc<Activity>,
    router: Router,
    ended: impl Future<Output = ()>,
) {
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let asked = activity.begin();
        let answer = router.clone().call(request.map(Body::new));
        async move {
            let answer = answer.await;
            drop(asked);
            answer
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(LARGEST_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut ended = pin!(ended);
    let mut ending = None;
    let mut looks = interval((state.limits.time / 4).clamp(LINGER / 10, LINGER));
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = &mut ended, if ending.is_none() => {
                ending = Some(Instant::now());
                looks = interval(LINGER / 10);
            }
            _ = looks.tick() => {}
        }
        if activity.is_over(&state.limits) {
            return;
        }
        let lingered = ending.is_some_and(|since: Instant| since.elapsed() >= LINGER);
        match (lingered && activity.is_idle(), activity.is_unused()) {
            (true, true) => return,
            (true, false) => connection.as_mut().graceful_shutdown(),
            (false, _) => {}
        }
    }
}

/// Tells a client that there are too many.
async fn refuse(state: &State, mut stream: TcpStream) {
    state.metrics.refused(Reason::Connections);
    let Ok(_place) = state.gate.refused_connections.try_acquire() else {
        return;
    };
    if state.tls.is_some() {
        return;
    }
    let told = async {
        use tokio::io::AsyncWriteExt;
        // Clients take an answer for a fault that comes before they have asked.
        if stream.read(&mut [0; 8192]).await? == 0 {
            return Ok(());
        }
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        // Closed with something unread, the system would take it back.
        while stream.read(&mut [0; 8192]).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(Duration::from_secs(1), told).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_too_many_is_told_is_whole() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["message"], body["error"]["message"]);
    }
}
