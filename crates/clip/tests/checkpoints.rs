//! Errors about incomplete, damaged or unsupported checkpoints, and files that are ignored.

use std::{error::Error as _, fs, path::Path};

use clip::{Checkpoint, Error, Model, Pixels, Result};
use picture::Picture;
use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A copy of a checkpoint in `fixtures`, to be modified.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        Self::of("quick-gelu")
    }

    fn of(name: &str) -> Self {
        let copy = Self(TempDir::new().unwrap());
        for file in fs::read_dir(Path::new("tests/fixtures").join(name)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.0.path().join(file.file_name())).unwrap();
        }
        copy
    }

    fn without(self, file: &str) -> Self {
        fs::remove_file(self.0.path().join(file)).unwrap();
        self
    }

    fn with(self, file: &str, contents: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.path().join(file), contents).unwrap();
        self
    }

    /// Sets the value at `pointer` in the JSON of `file`.
    fn set(self, file: &str, pointer: &str, value: Value) -> Self {
        let mut json: Value = serde_json::from_slice(&self.bytes(file)).unwrap();
        *json.pointer_mut(pointer).unwrap() = value;
        self.with(file, json.to_string())
    }

    /// Removes the weights whose names begin with `prefix`.
    fn without_weights(self, prefix: &str) -> Self {
        let bytes = self.bytes("model.safetensors");
        let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
        let kept = tensors
            .into_iter()
            .filter(|(name, _)| !name.starts_with(prefix));
        let kept = safetensors::serialize(kept, None).unwrap();
        self.with("model.safetensors", kept)
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        fs::read(self.0.path().join(file)).unwrap()
    }

    fn load(&self) -> Result<Model> {
        Model::load(Checkpoint::open(self.0.path())?)
    }

    fn text_error(&self) -> Error {
        self.load()
            .and_then(|model| model.embed_text("a cat"))
            .unwrap_err()
    }

    fn picture_error(&self) -> Error {
        let pixels = Pixels::new(24, 24, vec![0.0; 3 * 24 * 24]).unwrap();
        self.load()
            .and_then(|model| model.embed_pixels(&[pixels]))
            .unwrap_err()
    }

    /// Compares the error's text, with `DIR` for the directory, whose name differs each time.
    #[track_caller]
    fn assert_says(&self, error: &Error, expected: &str) {
        let directory = self.0.path().display().to_string();
        assert_eq!(error.to_string().replace(&directory, "DIR"), expected);
    }
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "a copy is made for one case")]
fn case(copy: Copy, expected: &str) {
    let error = copy.text_error();
    copy.assert_says(&error, expected);
}

#[test]
fn missing_files_are_named() {
    case(
        Copy::new().without("config.json"),
        "`config.json` is missing from the model `DIR`",
    );
    case(
        Copy::new().without("merges.txt"),
        "`merges.txt` is missing from the model `DIR`",
    );
    case(
        Copy::new().without("vocab.json"),
        "`vocab.json` is missing from the model `DIR`",
    );
    case(
        Copy::new().without("model.safetensors"),
        "`model.safetensors` is missing from the model `DIR`",
    );
    case(
        Copy::new().without("preprocessor_config.json"),
        "`preprocessor_config.json` is missing from the model `DIR`",
    );
    let neither = Copy::new().without("merges.txt").without("vocab.json");
    case(neither, "`tokenizer.json` is missing from the model `DIR`");
}

#[test]
fn a_place_that_is_no_directory_is_refused() {
    for place in ["tests/fixtures/nothing", "tests/fidelity.rs"] {
        let error = Checkpoint::open(Path::new(place)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{place}` is not a readable model directory")
        );
        assert!(error.source().is_some() && error.hint().unwrap().contains("model.safetensors"));
    }
}

#[test]
fn files_that_are_not_json_are_named() {
    case(
        Copy::new().with("config.json", "{"),
        "`DIR/config.json` is not valid",
    );
    case(
        Copy::new().with("config.json", [0xff, 0]),
        "`DIR/config.json` is not valid",
    );
    case(
        Copy::new().with("preprocessor_config.json", "0"),
        "`DIR/preprocessor_config.json` is not valid",
    );
    case(
        Copy::new().with("vocab.json", "{\"a\": -1}"),
        "`DIR/vocab.json` is not valid",
    );
    case(
        Copy::new().with("tokenizer.json", "{}"),
        "`DIR/tokenizer.json` is not valid",
    );
    case(
        Copy::new().with("tokenizer_config.json", "0"),
        "`DIR/tokenizer_config.json` is not valid",
    );
}

/// transformers 5 stores the picture processor's settings in `processor_config.json`, which takes precedence.
#[test]
fn the_processor_of_transformers_5_goes_first() {
    let preprocessor = "preprocessor_config.json";
    let pixels = |copy: &Copy| {
        let picture = Picture::from_rgb(40, 30, [200, 30, 90].repeat(1200)).unwrap();
        copy.load().unwrap().preprocess(&picture)
    };
    let newest = Copy::of("transformers-5");
    let expected = pixels(&newest);
    let both = newest.with(
        preprocessor,
        r#"{"size": 26, "crop_size": 26, "do_rescale": false}"#,
    );
    assert_eq!(pixels(&both), expected);
    let older = both.with(
        "processor_config.json",
        r#"{"processor_class": "CLIPProcessor"}"#,
    );
    assert_ne!(pixels(&older), expected);
    let (with, fingerprint) = (older.load().unwrap(), |copy: &Copy| {
        copy.load().unwrap().fingerprint().to_owned()
    });
    let without = older.without("processor_config.json");
    assert_eq!(with.fingerprint(), fingerprint(&without));

    case(
        Copy::of("transformers-5").with("processor_config.json", "{"),
        "`DIR/processor_config.json` is not valid",
    );
    case(
        Copy::of("transformers-5").set(
            "processor_config.json",
            "/image_processor/resample",
            json!(9),
        ),
        "`resample` in `DIR/processor_config.json` is 9, expected 0 to 5",
    );
    case(
        Copy::of("transformers-5").without("processor_config.json"),
        "`preprocessor_config.json` is missing from the model `DIR`",
    );
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let case = |file: &str, pointer: &str, value: Value, expected: &str| {
        case(Copy::new().set(file, pointer, value), expected);
    };
    let (config, preprocessor) = ("config.json", "preprocessor_config.json");
    case(
        config,
        "/text_config/hidden_act",
        json!("relu"),
        "`text_config.hidden_act` in `DIR/config.json` is `relu`, expected one of `quick_gelu`, `gelu`, `gelu_new`, \
         `gelu_pytorch_tanh`",
    );
    case(
        config,
        "/vision_config/num_attention_heads",
        json!(5),
        "`vision_config.num_attention_heads` in `DIR/config.json` is 5, expected a divisor of `hidden_size`, 32",
    );
    case(
        config,
        "/vision_config/patch_size",
        json!(0),
        "`vision_config.patch_size` in `DIR/config.json` is 0, expected a number above 0",
    );
    case(
        config,
        "/text_config/eos_token_id",
        json!([1, 2]),
        "`text_config.eos_token_id` in `DIR/config.json` is [1,2], expected one token id",
    );
    case(
        preprocessor,
        "/crop_size",
        json!(32),
        "`crop_size` in `DIR/preprocessor_config.json` is 32 x 32, expected 24 x 24, the `image_size` of `config.json`",
    );
    case(
        preprocessor,
        "/resample",
        json!(6),
        "`resample` in `DIR/preprocessor_config.json` is 6, expected 0 to 5",
    );
    case(
        preprocessor,
        "/do_center_crop",
        json!(false),
        "`do_center_crop` in `DIR/preprocessor_config.json` is false, expected true, or a `size` of `height` and `width`",
    );
}

#[test]
fn other_kinds_of_model_are_refused_by_name() {
    case(
        Copy::new().set("config.json", "/model_type", json!("blip")),
        "model type `blip` in `DIR/config.json` is not supported, expected one of `clip`, `chinese_clip`, `siglip`, `siglip2`, \
         `bert`, `distilbert`, `clipseek-mini`",
    );
    case(
        Copy::new().with("config.json", "{}"),
        "model type `none` in `DIR/config.json` is not supported, expected one of `clip`, `chinese_clip`, `siglip`, `siglip2`, \
         `bert`, `distilbert`, `clipseek-mini`",
    );
}

#[test]
fn damaged_weights_are_named() {
    let copy = Copy::new();
    let weights = copy.bytes("model.safetensors");
    for length in [0, 7, 100, weights.len() - 1] {
        case(
            Copy::new().with("model.safetensors", &weights[..length]),
            "`DIR/model.safetensors` is not a valid safetensors file",
        );
    }
    case(
        Copy::new().without_weights("text_model.final_layer_norm.weight"),
        "tensor `text_model.final_layer_norm.weight` is missing from `DIR/model.safetensors`",
    );
    case(
        Copy::new().set("config.json", "/projection_dim", json!(21)),
        "tensor `text_projection.weight` in `DIR/model.safetensors` has shape [20, 24], expected [21, 24]",
    );
}

#[test]
fn a_damaged_tokenizer_is_named() {
    let copy = Copy::new().with("merges.txt", "#version: 0.2\na b c\n");
    let error = copy.text_error();
    copy.assert_says(
        &error,
        "`DIR/merges.txt` does not describe a usable tokenizer",
    );
    let cause = error.source().unwrap().to_string();
    assert_eq!(
        cause,
        "the merge `a b c` is not two pieces separated by a space"
    );
}

#[test]
fn each_tower_is_read_for_itself() {
    let copy = Copy::new().without_weights("vision_model.");
    copy.load().unwrap().embed_text("a cat").unwrap();
    let missing = "tensor `vision_model.embeddings.patch_embedding.weight` is missing from `DIR/model.safetensors`";
    copy.assert_says(&copy.picture_error(), missing);

    let copy = Copy::new().without_weights("text_model.");
    let pixels = Pixels::new(24, 24, vec![0.0; 3 * 24 * 24]).unwrap();
    copy.load().unwrap().embed_pixels(&[pixels]).unwrap();
}

#[test]
fn infinite_weights_give_an_error_and_no_vector() {
    let copy = Copy::new();
    let mut weights = copy.bytes("model.safetensors");
    // All numbers; the header says where they begin.
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    weights[8 + header..].fill(0xff);
    let copy = copy.with("model.safetensors", weights);
    assert!(matches!(copy.text_error(), Error::Degenerate { .. }));
    assert!(matches!(copy.picture_error(), Error::Degenerate { .. }));
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let model = Copy::new().load().unwrap();
    let pixels = Pixels::new(2, 3, vec![0.0; 18]).unwrap();
    let error = model.embed_pixels(&[pixels]).unwrap_err();
    assert_eq!(error.to_string(), "pixels of 2 x 3, expected 24 x 24");
    let error = Pixels::new(2, 3, vec![0.0; 17]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "17 values for 2 x 3 pixels, expected 3 for each"
    );
    let error = model.embed_tokens(&[vec![]]).unwrap_err();
    assert_eq!(error.to_string(), "a text of 0 tokens, expected 1 to 16");
    let error = model.embed_tokens(&[vec![5; 17]]).unwrap_err();
    assert_eq!(error.to_string(), "a text of 17 tokens, expected 1 to 16");
    let error = model.embed_tokens(&[vec![9999]]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "token id 9999 is not in the vocabulary of 1014 tokens"
    );
    assert!(model.embed_tokens(&[]).unwrap().is_empty());
    assert!(model.embed_pixels(&[]).unwrap().is_empty());
}

#[test]
fn long_texts_are_cut_and_keep_their_end() {
    let model = Copy::new().load().unwrap();
    let long = model.tokenize(&"cat ".repeat(10_000)).unwrap();
    let empty = model.tokenize("").unwrap();
    assert_eq!(long.len(), 16);
    assert_eq!(empty, [1012, 1013]);
    assert_eq!((long[0], long[15]), (1012, 1013));
}

#[test]
fn a_fingerprint_is_of_the_contents() {
    let fingerprint = |copy: Copy| copy.load().unwrap().fingerprint().to_owned();
    let original = fingerprint(Copy::new());
    assert_eq!(original.len(), 64);
    assert_eq!(original, fingerprint(Copy::new()));
    // As after fine-tuning only a projection.
    let weights = Copy::new().bytes("model.safetensors");
    let tensors = SafeTensors::deserialize(&weights).unwrap().tensors();
    let negative = |name: &str, data: &[u8]| -> Vec<u8> {
        let turned = |bytes: &[u8]| [bytes[0], bytes[1], bytes[2], bytes[3] ^ 0x80];
        match name {
            "visual_projection.weight" => data.chunks(4).flat_map(turned).collect(),
            _ => data.to_vec(),
        }
    };
    let data: Vec<_> = tensors
        .iter()
        .map(|(name, view)| negative(name, view.data()))
        .collect();
    let tensors = tensors.iter().zip(&data).map(|((name, view), data)| {
        let view = TensorView::new(view.dtype(), view.shape().to_vec(), data);
        (name.clone(), view.unwrap())
    });
    let turned = safetensors::serialize(tensors, None).unwrap();
    assert_ne!(
        original,
        fingerprint(Copy::new().with("model.safetensors", turned))
    );
    // As after fine-tuning: every number changes.
    let mut weights = Copy::new().bytes("model.safetensors");
    let numbers = 8 + u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    weights[numbers..].iter_mut().for_each(|byte| *byte ^= 1);
    assert_ne!(
        original,
        fingerprint(Copy::new().with("model.safetensors", weights))
    );
    assert_ne!(
        original,
        fingerprint(Copy::new().set("preprocessor_config.json", "/resample", json!(2)))
    );
    assert_ne!(
        original,
        fingerprint(Copy::new().without("special_tokens_map.json"))
    );
}

#[test]
fn parts_of_a_model_and_other_heads_are_refused_by_name() {
    let of_class = |fixture: &str, class: &str| {
        let file = "config.json";
        let mut config: Value = serde_json::from_slice(&Copy::of(fixture).bytes(file)).unwrap();
        config["architectures"] = json!([class]);
        Copy::of(fixture).with(file, config.to_string())
    };
    let refused = |fixture: &str, class: &str, whole: &str| {
        let expected = format!(
            "`architectures` in `DIR/config.json` is `{class}`, expected `{whole}`, with both towers"
        );
        case(of_class(fixture, class), &expected);
    };
    refused("transformers-5", "CLIPForImageClassification", "CLIPModel");
    refused(
        "transformers-5",
        "CLIPVisionModelWithProjection",
        "CLIPModel",
    );
    refused("siglip", "SiglipTextModel", "SiglipModel");
    refused(
        "siglip2-naflex",
        "Siglip2ForImageClassification",
        "Siglip2Model",
    );
    for (fixture, class) in [
        ("transformers-5", "CLIPModel"),
        ("transformers-5", "OurClip"),
        ("siglip2-naflex", "Siglip2Model"),
    ] {
        of_class(fixture, class).load().unwrap();
    }
}

#[test]
fn what_fails_later_fails_in_a_check() {
    let check = |copy: &Copy| copy.load().and_then(|model| model.check());
    for fixture in [
        "quick-gelu",
        "siglip",
        "open-clip-resnet",
        "open-clip-worldwide",
    ] {
        check(&Copy::of(fixture)).unwrap();
    }
    let says = |copy: Copy, expected: &str| copy.assert_says(&check(&copy).unwrap_err(), expected);
    says(
        Copy::new().with("vocab.json", "{}"),
        "`DIR/merges.txt` does not describe a usable tokenizer",
    );
    says(
        Copy::new().without_weights("text_projection"),
        "tensor `text_projection.weight` is missing from `DIR/model.safetensors`",
    );
    says(
        Copy::new().without_weights("vision_model.post"),
        "tensor `vision_model.post_layernorm.weight` is missing from `DIR/model.safetensors`",
    );
}

#[test]
fn white_space_around_a_text_does_not_count() {
    // A tokenizer that does not ignore it.
    let model = Copy::of("siglip2").load().unwrap();
    let vector = |text: &str| model.embed_text(text).unwrap();
    let ids = |text: &str| model.tokenize(text).unwrap();
    assert_ne!(ids("  a dog"), ids("a dog"));
    assert_eq!(vector(" \t a dog \u{a0}\n"), vector("a dog"));
}

#[test]
fn a_model_describes_itself() {
    let copy = Copy::new();
    let description = copy.load().unwrap().description();
    assert_eq!(description.family, "CLIP");
    assert_eq!(
        (
            description.dimension,
            description.image_size,
            description.context
        ),
        (20, Some(24), 16)
    );
    // The file without its header has 4 bytes a number.
    let bytes = copy.bytes("model.safetensors");
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(
        description.parameters,
        (bytes.len() - 8 - header) as u64 / 4
    );
}

#[test]
fn a_bundled_model_is_the_same() {
    const FILES: &[(&str, &[u8])] = &[
        ("config.json", include_bytes!("fixtures/gelu/config.json")),
        (
            "preprocessor_config.json",
            include_bytes!("fixtures/gelu/preprocessor_config.json"),
        ),
        (
            "tokenizer.json",
            include_bytes!("fixtures/gelu/tokenizer.json"),
        ),
        (
            "tokenizer_config.json",
            include_bytes!("fixtures/gelu/tokenizer_config.json"),
        ),
        (
            "model.safetensors",
            include_bytes!("fixtures/gelu/model.safetensors"),
        ),
    ];
    let bundled = Model::load(Checkpoint::bundled(FILES).unwrap()).unwrap();
    let opened = Model::load(Checkpoint::open(Path::new("tests/fixtures/gelu")).unwrap()).unwrap();
    assert_eq!(
        bundled.embed_text("a cat").unwrap(),
        opened.embed_text("a cat").unwrap()
    );
    assert_eq!(bundled.fingerprint(), opened.fingerprint());
    let error = Checkpoint::bundled(&[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`config.json` is missing from the model `bundled`"
    );
}

#[test]
fn a_siglip_describes_itself() {
    let description = Copy::of("siglip").load().unwrap().description();
    assert_eq!(description.family, "SigLIP");
    assert_eq!(
        (
            description.dimension,
            description.image_size,
            description.context
        ),
        (32, Some(30), 64)
    );
}

#[test]
fn what_a_siglip_lacks_is_named() {
    let siglip = || Copy::of("siglip");
    case(
        siglip().without("spiece.model"),
        "`tokenizer.json` or `spiece.model` is missing from the model `DIR`",
    );
    case(
        Copy::of("siglip2").without("tokenizer.json"),
        "`tokenizer.json` or `spiece.model` is missing from the model `DIR`",
    );
    // A class that does not read SentencePiece models.
    let model = siglip().bytes("spiece.model");
    case(
        Copy::of("siglip2")
            .without("tokenizer.json")
            .with("spiece.model", model),
        "`tokenizer.json` is missing from the model `DIR`",
    );
    for name in ["logit_scale", "logit_bias", "text_model.head.bias"] {
        case(
            siglip().without_weights(name),
            &format!("tensor `{name}` is missing from `DIR/model.safetensors`"),
        );
    }
    for name in ["probe", "attention.in_proj_weight", "mlp.fc2.bias"] {
        let name = format!("vision_model.head.{name}");
        let copy = siglip().without_weights(&name);
        let pixels = Pixels::new(30, 30, vec![0.0; 3 * 30 * 30]).unwrap();
        let error = copy.load().unwrap().embed_pixels(&[pixels]).unwrap_err();
        let expected = format!("tensor `{name}` is missing from `DIR/model.safetensors`");
        copy.assert_says(&error, &expected);
        copy.load().unwrap().embed_text("a cat").unwrap();
    }
}

#[test]
fn a_damaged_sentencepiece_model_is_named() {
    let whole = Copy::of("siglip").bytes("spiece.model");
    for length in [0, 3, 1000, whole.len() / 2, whole.len() - 1] {
        let copy = Copy::of("siglip").with("spiece.model", &whole[..length]);
        let error = copy.text_error();
        copy.assert_says(
            &error,
            "`DIR/spiece.model` does not describe a usable tokenizer",
        );
        assert!(error.source().is_some());
    }
    // Any other change gives an error or other pieces, but no panic.
    for place in (0..whole.len()).step_by(1 + whole.len() / 300) {
        let mut spoilt = whole.clone();
        spoilt[place] ^= 0x55;
        let copy = Copy::of("siglip").with("spiece.model", spoilt);
        if let Err(error) = copy.load().unwrap().tokenize("Ｄog ﬁ 漢字 e\u{301}") {
            copy.assert_says(
                &error,
                "`DIR/spiece.model` does not describe a usable tokenizer",
            );
        }
    }
}

#[test]
fn settings_of_a_siglip_that_cannot_be_used_are_named() {
    let set = |pointer, value, expected: &str| {
        case(
            Copy::of("siglip").set("config.json", pointer, value),
            expected,
        );
    };
    set(
        "/text_config/projection_size",
        json!(24),
        "`text_config.projection_size` in `DIR/config.json` is 24, expected 32, the `hidden_size` of `vision_config`",
    );
    set(
        "/text_config/vocab_size",
        json!(899),
        "tensor `text_model.embeddings.token_embedding.weight` in `DIR/model.safetensors` has shape [900, 24], \
         expected [899, 24]",
    );
    set(
        "/vision_config/image_size",
        json!(1_u64 << 40),
        "`vision_config.image_size` in `DIR/config.json` is 1099511627776, expected at most 16384",
    );
    let context = Copy::of("siglip").set(
        "config.json",
        "/text_config",
        json!({"max_position_embeddings": 1_u64 << 40}),
    );
    case(
        context,
        "`text_config.max_position_embeddings` in `DIR/config.json` is 1099511627776, expected at most 4096",
    );
    case(
        Copy::of("siglip").set("preprocessor_config.json", "/size", json!(30)),
        "`do_center_crop` in `DIR/preprocessor_config.json` is false, expected true, or a `size` of `height` and `width`",
    );
}

#[test]
fn the_class_of_the_preprocessor_says_what_is_absent() {
    let picture = Picture::from_rgb(3, 1, vec![255, 0, 0, 250, 10, 10, 7, 8, 9]).unwrap();
    let pixels = |copy: Copy| copy.load().unwrap().preprocess(&picture);
    let with =
        |settings: Value| Copy::of("siglip").with("preprocessor_config.json", settings.to_string());
    let (size, full) = (
        json!({"height": 30, "width": 30}),
        pixels(Copy::of("siglip")),
    );
    for class in [
        json!(null),
        json!("SiglipImageProcessor"),
        json!("SiglipImageProcessorFast"),
    ] {
        let settings = json!({"image_processor_type": class, "size": size, "do_center_crop": null});
        assert_eq!(pixels(with(settings)), full);
    }
    let settings = json!({"image_processor_type": "CLIPImageProcessor", "crop_size": size});
    assert_ne!(pixels(with(settings)), full);
    let copy = with(json!({}));
    copy.assert_says(
        &copy.text_error(),
        "`size` in `DIR/preprocessor_config.json` is 224 x 224, expected 30 x 30, the `image_size` of `config.json`",
    );
}

#[test]
fn a_preprocessor_of_another_kind_is_refused() {
    for name in ["image_processor_type", "feature_extractor_type"] {
        case(
            Copy::of("gelu").with(
                "preprocessor_config.json",
                json!({ name: "ViTImageProcessor" }).to_string(),
            ),
            "`image_processor_type` in `DIR/preprocessor_config.json` is `ViTImageProcessor`, \
             expected the processor of CLIP, Chinese CLIP, SigLIP or SigLIP 2, such as `CLIPImageProcessor`",
        );
    }
    case(
        Copy::of("gelu").with(
            "config_sentence_transformers.json",
            r#"{"default_prompt_name": "query"}"#,
        ),
        "`default_prompt_name` in `DIR/config_sentence_transformers.json` is \"query\", expected none",
    );
}

#[test]
fn settings_of_flexible_pictures_that_cannot_be_used_are_named() {
    let set = |pointer, value, expected: &str| {
        case(
            Copy::of("siglip2-naflex").set("preprocessor_config.json", pointer, value),
            expected,
        );
    };
    set(
        "/image_processor_type",
        json!("SiglipImageProcessor"),
        "`image_processor_type` in `DIR/preprocessor_config.json` is another, expected `Siglip2ImageProcessor`",
    );
    set(
        "/do_resize",
        json!(false),
        "`do_resize` in `DIR/preprocessor_config.json` is false, expected true",
    );
    set(
        "/patch_size",
        json!(16),
        "`patch_size` in `DIR/preprocessor_config.json` is 16, expected 8, as in `config.json`",
    );
    set(
        "/max_num_patches",
        json!(1 << 20),
        "`max_num_patches` in `DIR/preprocessor_config.json` is 1048576, expected 1 to 16384",
    );
    set(
        "/resample",
        json!(9),
        "`resample` in `DIR/preprocessor_config.json` is 9, expected 0 to 5",
    );
    let description = Copy::of("siglip2-naflex").load().unwrap().description();
    assert_eq!(
        (description.family, description.image_size),
        ("SigLIP 2 NaFlex", Some(32))
    );
}

#[test]
fn texts_of_a_siglip_have_one_length() {
    for (name, end, padding) in [("siglip", 1, 1), ("siglip2", 1, 0)] {
        let model = Copy::of(name).load().unwrap();
        let empty = model.tokenize("").unwrap();
        assert_eq!((empty[0], &empty[1..]), (end, &[padding; 63][..]));
        let long = model.tokenize(&"cat ".repeat(100_000)).unwrap();
        assert_eq!((long.len(), long[63]), (64, end));
        assert!(long[..63].iter().all(|&id| id != padding));
    }
}
