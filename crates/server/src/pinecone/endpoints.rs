use super::route::Endpoint;
use super::{control_plane, data_plane};

/// All endpoints over HTTP.
pub fn endpoints() -> Vec<Endpoint> {
    let control = control_plane::routes().into_iter();
    let data = data_plane::routes().into_iter();
    let control = control.map(|route| route.endpoint(false));
    control
        .chain(data.map(|route| route.endpoint(true)))
        .collect()
}
