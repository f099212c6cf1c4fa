//! A filter and the metadata that it is asked about, as JSON, with a zero byte between.

#![no_main]

use index::Filter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    let (filter, metadata) = (parts.next(), parts.next());
    let Ok(filter) = serde_json::from_slice(filter.unwrap_or_default()) else {
        return;
    };
    let Ok(filter) = Filter::parse(&filter) else {
        return;
    };
    // What it says of itself means the same.
    let again = Filter::parse(filter.as_json()).expect("its own form is understood");
    if let Ok(metadata) = serde_json::from_slice(metadata.unwrap_or(b"{}")) {
        assert_eq!(filter.matches(&metadata), again.matches(&metadata));
    }
});
