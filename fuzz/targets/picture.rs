//! Bytes as a picture's file: a picture within the limits, or an error that is not a decoder's panic.
//!
//! Of AVIF and JPEG XL, the containers and headers are read here, which decide what is decoded in a process apart. The fuzzer
//! starts none.

#![no_main]

use std::panic;

use libfuzzer_sys::fuzz_target;
use picture::{Error, Limits, Picture, decoding_cost, holds_more};

/// Small, so that a large picture is no reason to be slow.
const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    pixels: 1 << 20,
};

fuzz_target!(
    // A panic that is caught is an error, and looked for below; the fuzzer's hook would end the program.
    init: { panic::set_hook(Box::new(|_| ())) },
    |bytes: &[u8]| {
        let _ = (decoding_cost(bytes, &LIMITS, 64), holds_more(bytes));
        let whole = Picture::decode(bytes, &LIMITS);
        // At each of the scales, by the length of the file.
        let side = whole.as_ref().map_or(0, |whole| whole.width().min(whole.height()));
        let shortest = side * (1 + bytes.len() as u32 % 4) / 8;
        let reduced = Picture::decode_reduced(bytes, &LIMITS, shortest);
        assert_eq!(whole.is_ok(), reduced.is_ok());
        match whole {
            Ok(picture) => {
                let pixels = u64::from(picture.width()) * u64::from(picture.height());
                assert!(pixels <= LIMITS.pixels);
                assert_eq!(picture.size(), reduced.unwrap().size);
            }
            Err(error) => assert!(!matches!(error, Error::DecoderFailed { .. }), "{error}"),
        }
    }
);
