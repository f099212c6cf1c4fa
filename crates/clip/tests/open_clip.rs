//! Errors about unsupported open_clip repositories, and the choice between the two formats.

use std::{fs, path::Path};

use clip::{Checkpoint, Error, Model, Pixels, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

const CONFIG: &str = "open_clip_config.json";
const WEIGHTS: &str = "open_clip_model.safetensors";

/// A copy of a fixture, to be changed.
struct Copy(TempDir);

impl Copy {
    fn of(fixture: &str) -> Self {
        let copy = Self(TempDir::new().unwrap());
        copy.take(fixture);
        copy
    }

    fn take(&self, fixture: &str) {
        for file in fs::read_dir(Path::new("tests/fixtures").join(fixture)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), self.0.path().join(file.file_name())).unwrap();
        }
    }

    /// Sets `value` at `pointer` of the configuration, whose last part may be new.
    fn set(self, pointer: &str, value: Value) -> Self {
        let path = self.0.path().join(CONFIG);
        let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        json.pointer_mut(parent).unwrap()[name] = value;
        fs::write(path, json.to_string()).unwrap();
        self
    }

    fn without(self, file: &str) -> Self {
        fs::remove_file(self.0.path().join(file)).unwrap();
        self
    }

    fn renamed(self, file: &str, other: &str) -> Self {
        let place = |name| self.0.path().join(name);
        fs::rename(place(file), place(other)).unwrap();
        self
    }

    fn load(&self) -> Result<Model> {
        Model::load(Checkpoint::open(self.0.path())?)
    }

    /// The first error of loading, embedding a text, and embedding a picture.
    fn error(&self) -> Error {
        let used = self.load().and_then(|model| {
            let size = model.description().image_size.unwrap();
            model.embed_text("a cat")?;
            model.embed_pixels(&[Pixels::new(size, size, vec![0.0; 3 * size * size])?])
        });
        used.unwrap_err()
    }

    #[track_caller]
    fn assert_says(&self, expected: &str) {
        let directory = self.0.path().display().to_string();
        let found = self.error().to_string().replace(&directory, "DIR");
        assert_eq!(found, expected);
    }
}

/// Sets `value` at `pointer` of `model_cfg` and expects an error that names the setting.
#[track_caller]
fn refused(fixture: &str, pointer: &str, value: Value, expected: &str) {
    let copy = Copy::of(fixture).set(&format!("/model_cfg/{pointer}"), value);
    let setting = format!("model_cfg.{}", pointer.replace('/', "."));
    copy.assert_says(&format!("`{setting}` in `DIR/{CONFIG}` is {expected}"));
}

#[test]
fn towers_of_other_kinds_are_refused_by_name() {
    refused(
        "open-clip-timm",
        "vision_cfg/timm_model_name",
        json!("convnext_base"),
        "`convnext_base`, expected a vision transformer of CLIP's or SigLIP's, as `vit_base_patch16_clip_224` and \
         `vit_base_patch16_siglip_224`: ConvNeXt, EVA, hybrid and other trunks are not supported",
    );
    refused(
        "open-clip-vit",
        "text_cfg/hf_model_name",
        json!("xlm-roberta-base"),
        "`xlm-roberta-base`, expected a text tower of CLIP's own, not one of transformers'",
    );
    refused(
        "open-clip-vit",
        "text_cfg/embed_cls",
        json!(true),
        "true, expected no text tower of CoCa's, which has it",
    );
    refused(
        "open-clip-vit",
        "multimodal_cfg",
        json!({"layers": 12}),
        "{\"layers\":12}, expected no CoCa model",
    );
    refused(
        "open-clip-vit",
        "vision_cfg/attentional_pool",
        json!(true),
        "true, expected false",
    );
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let case = |pointer: &str, value: Value, expected: &str| {
        refused("open-clip-vit", pointer, value, expected);
    };
    let unknown = "expected no such setting, because it is unknown";
    case("vision_cfg/rope", json!(10), &format!("10, {unknown}"));
    case("text_cfg/rope", json!("x"), &format!("\"x\", {unknown}"));
    case("rope", json!(true), &format!("true, {unknown}"));
    case("vision_cfg/qk_norm", json!(true), "true, expected false");
    case(
        "embed_dim",
        Value::Null,
        "missing, expected a number above 0",
    );
    case(
        "vision_cfg/width",
        json!(u64::MAX),
        "18446744073709551615, expected a number from 1 to 1048576",
    );
    case(
        "vision_cfg/layers",
        json!(-1),
        "-1, expected a number of layers, or a list of the four stages of a residual network",
    );
    case(
        "text_cfg/context_length",
        json!("x"),
        "\"x\", expected a whole number in range",
    );
    case("quick_gelu", json!("yes"), "\"yes\", expected a boolean");
    case(
        "vision_cfg/mlp_ratio",
        json!(0.001),
        "0.001, expected a ratio that gives a width above 0",
    );
    case(
        "vision_cfg/head_width",
        json!(40),
        "40, expected a width that divides `width`",
    );
    case(
        "vision_cfg/patch_size",
        json!(28),
        "28, expected at most `image_size`",
    );
    case(
        "vision_cfg/image_size",
        json!([24, 32]),
        "[24, 32], expected a square",
    );
    case(
        "vision_cfg/pool_type",
        json!("none"),
        "`none`, expected `tok` or `avg`",
    );
    case(
        "text_cfg/heads",
        json!(5),
        "5, expected a divisor of `width`, 24",
    );
    case(
        "text_cfg/pool_type",
        json!("none"),
        "`none`, expected `argmax`, `eos`, `last` or `first`",
    );
    let within = |pointer: &str, value: Value, expected: &str| {
        let copy = Copy::of("open-clip-vit").set(&format!("/model_cfg/{pointer}"), value);
        copy.assert_says(&format!(
            "`model_cfg.{}.{expected}",
            pointer.replace('/', ".")
        ));
    };
    within(
        "text_cfg/norm_kwargs",
        json!({"bias": false}),
        &format!("bias` in `DIR/{CONFIG}` is false, {unknown}"),
    );
    within(
        "text_cfg/act_kwargs",
        json!({"approximate": "tanh"}),
        &format!(
            "approximate` in `DIR/{CONFIG}` is `tanh`, expected `tanh` or `none`, and neither with `quick_gelu`"
        ),
    );
}

/// The models of these trunks are too large to load, but settings are checked before weights.
#[test]
fn null_is_what_the_trunk_of_timm_has_itself() {
    let siglip = |name: &str, value: Value| {
        let copy = Copy::of("open-clip-siglip").set(
            "/model_cfg/vision_cfg/timm_model_name",
            json!("vit_base_patch16_siglip_224"),
        );
        let copy = copy.set("/model_cfg/embed_dim", json!(768));
        copy.set(&format!("/model_cfg/vision_cfg/{name}"), value)
    };
    let own_pooling = siglip("timm_pool", json!(null)).load().unwrap();
    assert_eq!(own_pooling.description().dimension, 768);
    siglip("timm_proj", json!(null)).assert_says(&format!(
        "`model_cfg.vision_cfg.timm_proj` in `DIR/{CONFIG}` is null, expected `none`"
    ));
    siglip("timm_pool", json!("avg")).assert_says(&format!(
        "`model_cfg.vision_cfg.timm_pool` in `DIR/{CONFIG}` is `avg`, expected `map`"
    ));
}

#[test]
fn texts_are_cleaned_as_open_clip_cleans_them() {
    let vector = |model: &Model, text: &str| model.embed_text(text).unwrap();
    let messy = "  &ldquo;Naïve&rdquo; caf\u{c3}\u{a9} &amp;amp;\tﬁsh, “it’s” ＯＫ\u{7}";
    let clean = "\"naïve\" café & fish, \"it's\" ok";
    let own = Copy::of("open-clip-vit").load().unwrap();
    assert_eq!(vector(&own, messy), vector(&own, clean));
    // This cleaning keeps the case and does nothing else.
    let of_transformers = Copy::of("open-clip-worldwide").load().unwrap();
    assert_ne!(
        vector(&of_transformers, messy),
        vector(&of_transformers, clean)
    );
    let cased = "\"Naïve\" café & fish, \"it's\" OK";
    assert_eq!(
        vector(&of_transformers, messy),
        vector(&of_transformers, cased)
    );
    // `tokenizer_kwargs` take precedence.
    let kwargs = |clean: &str| {
        let copy = Copy::of("open-clip-vit");
        copy.set(
            "/model_cfg/text_cfg/tokenizer_kwargs",
            json!({"clean": clean}),
        )
    };
    let canonical = kwargs("canonicalize").load().unwrap();
    assert_eq!(
        vector(&canonical, "A_cat's “Dog”!"),
        vector(&own, "a cats dog")
    );
    kwargs("upper").assert_says(&format!(
        "`model_cfg.text_cfg.tokenizer_kwargs` in `DIR/{CONFIG}` is `upper`, expected `clean` to be `lower`, \
         `whitespace` or `canonicalize`"
    ));
    // transformers' own CLIP tokenizer repairs nothing.
    let clip = Checkpoint::open(Path::new("tests/fixtures/quick-gelu")).unwrap();
    let clip = Model::load(clip).unwrap();
    assert_ne!(vector(&clip, "“it’s”"), vector(&clip, "\"it's\""));
}

/// A causal text tower with any tokenizer that `AutoTokenizer` makes of the files.
#[test]
fn a_tokenizer_of_another_kind_is_read_whatever_class_it_names() {
    let ids = |copy: &Copy| copy.load().unwrap().tokenize("a photo of a cat").unwrap();
    let named = Copy::of("open-clip-worldwide");
    let expected = ids(&named);
    assert_eq!(expected.len(), 16);
    let unnamed = Copy::of("open-clip-worldwide").without("tokenizer_config.json");
    assert_eq!(ids(&unnamed), expected);
    let missing = Copy::of("open-clip-worldwide").without("tokenizer.json");
    missing.assert_says("`tokenizer.json` is missing from the model `DIR`");
}

#[test]
fn sizes_of_residual_networks_are_checked() {
    let case = |pointer: &str, value: Value, expected: &str| {
        refused("open-clip-resnet", pointer, value, expected);
    };
    case(
        "vision_cfg/image_size",
        json!(31),
        "31, expected a multiple of 32",
    );
    case(
        "vision_cfg/head_width",
        json!(200),
        "200, expected a width that divides 128",
    );
    case("vision_cfg/width", json!(5), "5, expected an even number");
    case(
        "vision_cfg/layers",
        json!([1, 2, 0, 1]),
        "0, expected a number from 1 to 1048576",
    );
    case(
        "vision_cfg/layers",
        json!([1, 2, 3]),
        "[1,2,3], expected a number of layers, or a list of the four stages of a residual network",
    );
    let copy =
        Copy::of("open-clip-resnet").set("/model_cfg/vision_cfg/layers", json!([1, 3, 1, 1]));
    copy.assert_says(&format!(
        "tensor `visual.layer2.2.conv1.weight` is missing from `DIR/{WEIGHTS}`"
    ));
    let copy = Copy::of("open-clip-resnet").set("/model_cfg/vision_cfg/image_size", json!(96));
    copy.assert_says(&format!(
        "tensor `visual.attnpool.positional_embedding` in `DIR/{WEIGHTS}` has shape [5, 128], expected [10, 128]"
    ));
}

#[test]
fn preprocessing_that_is_not_known_is_named() {
    let case = |name: &str, value: Value, expected: &str| {
        let copy = Copy::of("open-clip-vit").set(&format!("/preprocess_cfg/{name}"), value);
        copy.assert_says(&format!(
            "`preprocess_cfg.{name}` in `DIR/{CONFIG}` is {expected}"
        ));
    };
    case(
        "resize_mode",
        json!("stretch"),
        "`stretch`, expected `shortest`, `longest` or `squash`",
    );
    case(
        "interpolation",
        json!("lanczos"),
        "`lanczos`, expected `bicubic`, `bilinear` or `random`",
    );
    case("mode", json!("L"), "`L`, expected `RGB`");
}

#[test]
fn tensors_of_another_shape_are_named_as_the_file_names_them() {
    let copy = Copy::of("open-clip-vit").set("/model_cfg/embed_dim", json!(21));
    copy.assert_says(&format!(
        "tensor `text_projection` in `DIR/{WEIGHTS}` has shape [24, 20], expected [24, 21]"
    ));
    let copy = Copy::of("open-clip-vit").set("/model_cfg/text_cfg/layers", json!(3));
    copy.assert_says(&format!(
        "tensor `transformer.resblocks.2.ln_1.weight` is missing from `DIR/{WEIGHTS}`"
    ));
}

#[test]
fn a_repository_without_a_tokenizer_says_which_to_add() {
    let copy = Copy::of("open-clip-resnet")
        .without("vocab.json")
        .without("merges.txt");
    copy.assert_says(
        "the model `DIR` has no tokenizer: its `open_clip_config.json` relies on the one built into open_clip",
    );
    let hint = copy.error().hint().unwrap();
    assert!(hint.contains("`vocab.json`, `merges.txt`") && hint.contains("clip-vit-base-patch32"));
    let copy = copy.set(
        "/model_cfg/text_cfg/hf_tokenizer_name",
        json!("someone/something"),
    );
    copy.assert_says("`tokenizer.json` is missing from the model `DIR`");
}

#[test]
fn missing_and_older_names_of_weights() {
    let vector = |copy: &Copy| copy.load().unwrap().embed_text("a cat").unwrap();
    let missing = Copy::of("open-clip-vit").without(WEIGHTS);
    missing.assert_says(&format!("`{WEIGHTS}` is missing from the model `DIR`"));
    let older = Copy::of("open-clip-vit").renamed(WEIGHTS, "model.safetensors");
    assert_eq!(vector(&older), vector(&Copy::of("open-clip-vit")));
}

#[test]
fn transformers_form_goes_first() {
    let both = Copy::of("open-clip-vit");
    both.take("quick-gelu");
    assert_eq!(both.load().unwrap().description().family, "CLIP");
    let without_weights = both.without("model.safetensors");
    let family = without_weights.load().unwrap().description().family;
    assert_eq!(family, "open_clip");
    // timm's file beside it is not a configuration of transformers.
    let of_timm = fs::read_to_string("tests/fixtures/open-clip-vit/config.json").unwrap();
    assert!(of_timm.contains("architecture"));
}
