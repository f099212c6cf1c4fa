//! `CLIPSEEK_INSTRUCTIONS`: every form of the encoder that this processor has, in the program itself.

use clip::Instructions;

use crate::world::{Ran, World, demo};

/// `clipseek embed` with these instructions, or with those that it takes by itself.
fn embed(world: &World, instructions: Option<&str>, precision: &str, what: &[&str]) -> Ran {
    let options = ["--model", "mini", "--precision", precision];
    let mut command = world.command(&[&["embed"], what, &options].concat());
    command.env_remove("CLIPSEEK_INSTRUCTIONS");
    if let Some(instructions) = instructions {
        command.env("CLIPSEEK_INSTRUCTIONS", instructions);
    }
    Ran::of(command.output().unwrap())
}

fn vector(ran: &Ran) -> Vec<f64> {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_value(ran.json()).unwrap()
}

#[test]
fn every_form_gives_the_same_vectors() {
    let world = World::new();
    let picture = demo().join("pictures/two-perch.jpg");
    let inputs: [&[&str]; 2] = [
        &["two fish in a pond"],
        &["--image", picture.to_str().unwrap()],
    ];
    for (precision, least) in [("f32", 0.999_999), ("bf16", 0.9995), ("int8", 0.995)] {
        for input in inputs {
            let native = vector(&embed(&world, None, precision, input));
            for instructions in Instructions::available() {
                let name = instructions.name();
                let found = vector(&embed(&world, Some(name), precision, input));
                let products = native.iter().zip(&found).map(|(one, other)| one * other);
                let cosine: f64 = products.sum();
                assert!(cosine > least, "{name}, {precision}: {cosine}");
                // Sums without fused multiply-add are rounded otherwise: the variable is heeded.
                let is_best = instructions == Instructions::best();
                if is_best || instructions == Instructions::Portable {
                    assert_eq!(found == native, is_best, "{name}, {precision}");
                }
            }
        }
    }
}

#[test]
fn instructions_that_are_not_there_are_refused() {
    let world = World::new();
    let refused = |name| {
        let ran = embed(&world, Some(name), "f32", &["fish"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        ran.stderr
    };
    assert_eq!(
        refused("sse"),
        "error: CLIPSEEK_INSTRUCTIONS is `sse`; expected one of avx512, avx2, neon, portable\n"
    );
    let lacking = if cfg!(target_arch = "aarch64") {
        "avx2"
    } else {
        "neon"
    };
    let available = Instructions::available().into_iter();
    let available: Vec<&str> = available.map(Instructions::name).collect();
    assert_eq!(
        refused(lacking),
        format!(
            "error: CLIPSEEK_INSTRUCTIONS is `{lacking}`, which this processor does not support\n\
             hint: this processor supports {}\n",
            available.join(", ")
        )
    );
}
