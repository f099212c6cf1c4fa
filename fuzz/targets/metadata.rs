//! Bytes as a picture's file: what it says about itself is bounded and makes sense, whatever the bytes are.

#![no_main]

use std::panic;

use libfuzzer_sys::fuzz_target;
use picture::{Metadata, holds_more};

fuzz_target!(
    // A panic that is caught is no metadata, which is as good as any: so the program ends at it, behind the fuzzer's hook.
    init: {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            hook(panic);
            std::process::abort();
        }));
    },
    |bytes: &[u8]| {
        let metadata = Metadata::of(bytes);
        let _ = holds_more(bytes);
        let length = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
        assert!(length(&metadata.title) <= 1_000);
        assert!(length(&metadata.description) <= 10_000);
        assert!(metadata.keywords.len() <= 200);
        assert!(metadata.keywords.iter().all(|keyword| (1..=200).contains(&keyword.chars().count())));
        assert!(metadata.rating.is_none_or(|rating| matches!(rating, -1 | 1..=5)));
        assert!(metadata.latitude.is_none_or(|degrees| degrees.abs() <= 90.0));
        assert!(metadata.longitude.is_none_or(|degrees| degrees.abs() <= 180.0));
    }
);
