/// Whether a request that was answered with this status may succeed when it is retried.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504)
}
