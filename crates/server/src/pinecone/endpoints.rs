use super::route::Endpoint;
use super::{control_plane, data_plane};

/// All endpoints over HTTP.
pub fn endpoints() -> Vec<Endpoint> {
    let (control, data) = (control_plane::routes(), data_plane::routes());
    let control = control.iter().map(|route| Endpoint::of(route, false));
    control
        .chain(data.iter().map(|route| Endpoint::of(route, true)))
        .collect()
}
