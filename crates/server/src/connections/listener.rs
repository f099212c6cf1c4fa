//! What accepts connections and attends to them.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tower_service::Service;

use crate::connections::admission::{Crowded, Place};
use crate::connections::lingering_stream::{Activity, Watched};
use crate::connections::request_body::tracked;
use crate::state::State;

/// How long accepting rests when the system lets none in, for want of file handles for example.
const REST: Duration = Duration::from_millis(100);

/// How long a client may take over the beginning of an encrypted connection.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long connections without a request stay open after the end was said: what had been sent by then is read.
const LINGER: Duration = Duration::from_millis(500);

/// The most that is kept of a connection's head.
const LARGEST_HEAD: usize = 64 << 10;

/// How many connections the system lets in that nobody has taken yet, if it may be so many. Those beyond it breaks.
const LONGEST_QUEUE: u32 = 4096;

/// Listens at an address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // On Windows that would let another process listen there, too.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LONGEST_QUEUE)
}

/// Serves until `ended`, then until what has been asked is answered.
pub(crate) async fn serve(
    state: Arc<State>,
    listener: TcpListener,
    router: Router,
    ended: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut end = pin!(either(ended.clone(), state.ending()));
    let attend = |stream, place| {
        let ended = either(ended.clone(), state.ending());
        connection(Arc::clone(&state), place, stream, router.clone(), ended)
    };
    loop {
        tokio::select! {
            biased;
            () = &mut end => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let place = state.gate.connect().await;
                    connections.spawn(attend(stream, place));
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(_) => sleep(REST).await,
            },
        }
    }
    for stream in backlog(listener) {
        let place = state.gate.connect().await;
        connections.spawn(attend(stream, place));
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
        .take(LONGEST_QUEUE as usize)
        .filter_map(|(stream, _)| {
            stream.set_nonblocking(true).ok()?;
            TcpStream::from_std(stream).ok()
        })
        .collect()
}

async fn connection(
    state: Arc<State>,
    place: Place,
    stream: TcpStream,
    router: Router,
    ended: impl Future<Output = ()>,
) {
    let _open = state.metrics.connected();
    let _ = stream.set_nodelay(true);
    let activity = Activity::new(place);
    let stream = Watched::new(stream, Arc::clone(&activity));
    let Some(tls) = &state.tls else {
        return drive(&state, stream, &activity, router, ended).await;
    };
    let (mut ended, mut is_ended) = (pin!(ended), false);
    let lingered = async {
        ended.as_mut().await;
        is_ended = true;
        sleep(LINGER).await;
    };
    let shaken = tokio::select! {
        biased;
        shaken = timeout(HANDSHAKE, tls.acceptor().accept(stream)) => shaken,
        () = lingered => return,
    };
    if let Ok(Ok(stream)) = shaken {
        // The handshake was no request.
        activity.forget_head();
        // The end is said once.
        let ended = async {
            if !is_ended {
                ended.await;
            }
        };
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
        let asked = activity.begin(request.version());
        // Room may have come.
        if activity.is_crowded()
            && let Some(place) = state.gate.place()
        {
            activity.take(place);
        }
        let (mut request, read) = tracked(request);
        if activity.is_crowded() {
            request.extensions_mut().insert(Crowded);
        }
        let answer = router.clone().call(request);
        async move {
            let answer = answer.await;
            asked.end(&read);
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
        // Over HTTP/1 its answer has ended it already.
        let is_told = activity.is_crowded() && activity.is_answered() && activity.is_resting();
        let is_done = lingered || is_told;
        match (is_done && activity.is_idle(), activity.is_unused()) {
            (true, true) => return,
            (true, false) => connection.as_mut().graceful_shutdown(),
            (false, _) => {}
        }
    }
}
