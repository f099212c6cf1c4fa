use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::response::Response;

use super::gateway::Gateway;
use super::log::{Fault, Line};
use super::metrics::InGauge;
use super::refusal::{Reason, Refusal};
use super::request_id::{REQUEST_ID, request_id};

/// The route of a request to an unknown path, as metrics and the log name it.
const UNKNOWN_ROUTE: &str = "none";

/// The logged status of a request whose client disconnected.
const CLIENT_GONE: u16 = 499;

/// A request and its response, counted and logged on drop, even if the client disconnects.
pub(crate) struct Exchange<'a> {
    gateway: &'a Gateway,
    _in_progress: InGauge<'a>,
    index: Option<&'a str>,
    began: Instant,
    id: String,
    method: &'static str,
    route: Option<MatchedPath>,
    status: u16,
    refused: Option<Reason>,
    fault: Option<Fault>,
}

impl<'a> Exchange<'a> {
    /// Begins an exchange; `index` is the index of the request.
    pub(crate) fn begin(gateway: &'a Gateway, index: Option<&'a str>, request: &Request) -> Self {
        Self {
            gateway,
            _in_progress: gateway.metrics.request(),
            index,
            began: Instant::now(),
            id: request_id(&gateway.keys, request.headers()),
            method: known_method(request.method()),
            route: request.extensions().get().cloned(),
            status: CLIENT_GONE,
            refused: None,
            fault: None,
        }
    }

    /// The route of the request, unless its path is unknown.
    pub(crate) fn route(&self) -> Option<&str> {
        self.route.as_ref().map(MatchedPath::as_str)
    }

    /// Notes that the request is refused.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.refused = refusal.reason();
        if let Some(reason) = self.refused {
            self.gateway.metrics.refused(reason);
        }
    }

    /// Notes the response and adds the request id to it.
    pub(crate) fn answer(&mut self, response: &mut Response) {
        self.status = response.status().as_u16();
        self.fault = response.extensions_mut().remove();
        if let Some(refusal) = response.extensions_mut().remove::<Refusal>()
            && self.refused.is_none()
        {
            self.refuse(&refusal);
        }
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        let Gateway { metrics, log, .. } = self.gateway;
        let time = self.began.elapsed();
        let route = self.route().unwrap_or(UNKNOWN_ROUTE);
        metrics.answered(self.method, route, self.status, time);
        if let Some(log) = log {
            log.write(&Line {
                id: &self.id,
                method: self.method,
                route,
                index: self.index,
                status: self.status,
                refused: self.refused.map(Reason::name),
                error: self.fault.as_ref().map(|Fault(message)| message.as_str()),
                time,
            });
        }
    }
}

/// The method, if it is a known one: clients can make up any number of others.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
