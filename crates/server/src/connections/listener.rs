use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::connection::serve_connection;
use super::gateway::Gateway;

/// The pause after the system fails to accept a connection, for example without free file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// The length of the system's queue of connections, if it allows that.
const LONGEST_QUEUE: u32 = 4096;

/// Listens on an address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // On Windows, this would let another process listen on the same address.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LONGEST_QUEUE)
}

/// Serves `router` until the gateway shuts down or `ended` is true, then until all requests in progress are answered.
pub(crate) async fn serve(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    router: Router,
    ended: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(either(ended.clone(), gateway.shutdown()));
    let connection = |stream, slot| {
        let shutdown = either(ended.clone(), gateway.shutdown());
        serve_connection(Arc::clone(&gateway), slot, stream, router.clone(), shutdown)
    };
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let slot = gateway.admission.connection().await;
                    connections.spawn(connection(stream, slot));
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
    for stream in backlog(listener) {
        let slot = gateway.admission.connection().await;
        connections.spawn(connection(stream, slot));
    }
    while connections.join_next().await.is_some() {}
}

/// Waits until one of the values is true or its sender is gone.
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

/// The connections that wait in the system's queue.
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
