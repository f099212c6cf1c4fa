//! BERT and DistilBERT text towers in CLIP's space: compares them with sentence-transformers and transformers on the
//! checkpoints in `fixtures/multilingual`, written by `tools/fixtures/clip/multilingual.py`. Also tests rejected
//! files, and the combination with a model for pictures.

use std::{error::Error as _, fs, path::Path};

use clip::{Checkpoint, Error, Model, Pixels, Result, Template, ZeroShot};
use picture::{Limits, Picture};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const FAMILY: &str = "tests/fixtures/multilingual";

/// The tolerance for numbers of unit vectors.
const TOLERANCE: f32 = 1e-5;

fn open(directory: impl AsRef<Path>) -> Result<Model> {
    Model::load(Checkpoint::open(directory.as_ref())?)
}

fn load(name: &str) -> Model {
    open(Path::new(FAMILY).join(name)).unwrap()
}

fn texts(name: &str) -> Vec<String> {
    let texts = fs::read(Path::new(FAMILY).join(name).join("texts.json")).unwrap();
    serde_json::from_slice(&texts).unwrap()
}

/// The rows of an f32 tensor in `expected.safetensors`.
fn rows(directory: impl AsRef<Path>, tensor: &str) -> Vec<Vec<f32>> {
    let bytes = fs::read(directory.as_ref().join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor(tensor).unwrap();
    let numbers = view.data().as_chunks().0.iter();
    let numbers: Vec<f32> = numbers.map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let rows = numbers.chunks(numbers.len() / view.shape()[0]);
    rows.map(<[f32]>::to_vec).collect()
}

/// The token ids in `expected.safetensors`, without the trailing -1.
fn token_ids(name: &str) -> Vec<Vec<u32>> {
    let bytes = fs::read(Path::new(FAMILY).join(name).join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor("input_ids").unwrap();
    let ids = view.data().as_chunks().0.iter();
    let ids: Vec<i64> = ids.map(|&bytes| i64::from_le_bytes(bytes)).collect();
    let row = |row: &[i64]| {
        row.iter()
            .filter_map(|&id| u32::try_from(id).ok())
            .collect()
    };
    ids.chunks(view.shape()[1]).map(row).collect()
}

#[track_caller]
fn assert_close(name: &str, found: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{name}, row {row}");
        let pairs = found.iter().zip(expected);
        let off = pairs
            .map(|(one, other)| (one - other).abs())
            .fold(0.0, f32::max);
        assert!(off <= tolerance, "{name}, row {row}: off by {off:e}");
    }
}

fn embed(model: &Model, texts: &[String]) -> Vec<Vec<f32>> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    model.embed_texts(&texts).unwrap()
}

#[test]
fn texts_get_the_references_ids_and_vectors() {
    for name in ["distilbert", "bert", "chinese"] {
        let (model, texts, ids) = (load(name), texts(name), token_ids(name));
        assert!(texts.len() >= 30);
        for (text, expected) in texts.iter().zip(&ids) {
            assert_eq!(model.tokenize(text).unwrap(), *expected, "{name}, {text:?}");
        }
        let expected = rows(Path::new(FAMILY).join(name), "text_embeds");
        assert_close(name, &embed(&model, &texts), &expected, TOLERANCE);
        assert_close(
            name,
            &model.embed_tokens(&ids).unwrap(),
            &expected,
            TOLERANCE,
        );
    }
}

#[test]
fn one_at_a_time_equals_many() {
    for name in ["distilbert", "bert", "chinese"] {
        let (model, ids) = (load(name), token_ids(name));
        let many = model.embed_tokens(&ids).unwrap();
        let alone = |ids: &Vec<u32>| model.embed_tokens(std::slice::from_ref(ids)).unwrap();
        let alone: Vec<Vec<f32>> = ids.iter().flat_map(alone).collect();
        assert_close(name, &many, &alone, 1e-6);
    }
}

/// The checksum of a text's ids by `tools/fixtures/clip/multilingual.py`.
fn checksum(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    let hash = Sha256::digest(ids.join(" "));
    hash[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn awkward_strings_get_the_references_ids() {
    let lowered = Copy::of("distilbert").with(
        "sentence_bert_config.json",
        r#"{"max_seq_length": 30, "do_lower_case": true}"#,
    );
    let models = [load("distilbert"), load("bert"), lowered.load().unwrap()];
    let strings = fs::read_to_string("tests/fixtures/strings/strings.jsonl").unwrap();
    let ids = fs::read_to_string(Path::new(FAMILY).join("ids.txt")).unwrap();
    let (mut count, mut ids) = (0, ids.lines());
    let names: Vec<&str> = ids.next().unwrap().split(' ').collect();
    for row in strings.split_terminator('\n') {
        let row: Vec<Value> = serde_json::from_str(row).unwrap();
        let text = row[0].as_str().unwrap();
        let expected = ids.next().unwrap().split(' ');
        for ((model, expected), name) in models.iter().zip(expected).zip(&names) {
            let found = model.tokenize(text).unwrap();
            assert_eq!(checksum(&found), expected, "{name}, {text:?}: {found:?}");
        }
        count += 1;
    }
    assert!(count >= 2000 && ids.next().is_none(), "{count} strings");
}

#[test]
fn a_whole_model_with_a_bert_sees_pictures_too() {
    let (model, directory) = (load("chinese"), Path::new(FAMILY).join("chinese"));
    let pixels = rows(&directory, "pixel_values").into_iter();
    let pixels: Vec<Pixels> = pixels
        .map(|values| Pixels::new(24, 24, values).unwrap())
        .collect();
    let found = model.embed_pixels(&pixels).unwrap();
    assert_close(
        "chinese",
        &found,
        &rows(&directory, "image_embeds"),
        TOLERANCE,
    );
    assert!((model.scoring().scale() - 20.0).abs() < 0.1);
    for file in fs::read_dir("tests/fixtures/pictures").unwrap() {
        let file = file.unwrap().path();
        let picture = Picture::open(&file, &Limits::default()).unwrap();
        let name = format!("pixels {}", file.file_name().unwrap().display());
        let expected = rows(&directory, &name).concat();
        let step = 1.0 / 255.0 / 0.261 * 1.001;
        let found = model.preprocess(&picture).values().to_vec();
        assert_close(&name, &[found], &[expected], step);
    }
}

#[test]
fn a_clip_model_among_modules_is_that_clip_model() {
    let copy = Copy(TempDir::new().unwrap());
    let modules = fs::read(Path::new(FAMILY).join("clip/modules.json")).unwrap();
    let copy = copy.with("modules.json", modules);
    copy_folder(
        Path::new("tests/fixtures/quick-gelu"),
        &copy.0.path().join("0_CLIPModel"),
    );
    let (model, plain) = (
        copy.load().unwrap(),
        open("tests/fixtures/quick-gelu").unwrap(),
    );
    assert_eq!(model.fingerprint(), plain.fingerprint());
    // The recipe has checked that sentence-transformers computes the same.
    let texts: Vec<String> =
        serde_json::from_slice(&fs::read("tests/fixtures/quick-gelu/texts.json").unwrap()).unwrap();
    let expected = rows("tests/fixtures/quick-gelu", "text_embeds");
    let expected = &expected[..texts.len()];
    assert_close("clip", &embed(&model, &texts), expected, TOLERANCE);
    let pixels = Pixels::new(24, 24, vec![0.0; 3 * 24 * 24]).unwrap();
    model.embed_pixels(&[pixels]).unwrap();

    let copy = copy.with(
        "modules.json",
        r#"[{"path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"},
            {"path": "1_Dense", "type": "sentence_transformers.models.Dense"}]"#,
    );
    copy.refuses(
        "`type` in `DIR/modules.json` is `sentence_transformers.models.Dense`, expected `Normalize` behind a CLIP model",
    );
}

#[test]
fn a_model_of_texts_alone_sees_no_pictures() {
    let model = load("distilbert");
    let picture = Picture::from_rgb(1, 1, vec![1, 2, 3]).unwrap();
    for error in [
        model.embed_picture(&picture).unwrap_err(),
        model.embed_pixels(&[]).unwrap_err(),
        model.check_pictures().unwrap_err(),
        ZeroShot::new(&model, &["a".to_owned()], &[Template::new("{}").unwrap()])
            .err()
            .unwrap(),
        load("bert").with_text(load("distilbert")).err().unwrap(),
    ] {
        assert!(matches!(error, Error::TextsAlone { .. }), "{error}");
        assert!(error.hint().unwrap().contains("text model"));
    }
    let description = model.description();
    assert_eq!(description.image_size, None);
    assert_eq!((description.dimension, description.context), (20, 128));
    assert_eq!(description.family, "sentence-transformers (texts only)");
    let directory = Path::new(FAMILY).join("distilbert");
    assert_eq!(
        model.check_pictures().unwrap_err().to_string(),
        format!(
            "the model `{}` embeds only texts, not pictures",
            directory.display()
        )
    );
}

#[test]
fn pictures_of_one_model_go_with_texts_of_another() {
    let (pictures, texts) = (
        open("tests/fixtures/quick-gelu").unwrap(),
        load("distilbert"),
    );
    let pixels = Pixels::new(24, 24, vec![0.5; 3 * 24 * 24]).unwrap();
    let picture = pictures
        .embed_pixels(std::slice::from_ref(&pixels))
        .unwrap();
    let (scoring, fingerprint) = (pictures.scoring(), pictures.fingerprint().to_owned());
    assert_eq!(pictures.text_fingerprint(), fingerprint);
    let words = "собака играет в снегу";
    let both = pictures.with_text(load("distilbert")).unwrap();
    assert_eq!(both.embed_pixels(&[pixels]).unwrap(), picture);
    assert_eq!(
        both.embed_text(words).unwrap(),
        texts.embed_text(words).unwrap()
    );
    assert_eq!(
        both.tokenize(words).unwrap(),
        texts.tokenize(words).unwrap()
    );
    assert_eq!(both.scoring(), scoring);
    assert_eq!(both.fingerprint(), fingerprint);
    assert_eq!(both.text_fingerprint(), texts.fingerprint());
    assert_eq!(both.description().context, 128);
    ZeroShot::new(&both, &[words.to_owned()], &[Template::new("{}").unwrap()]).unwrap();
}

#[test]
fn texts_of_another_space_are_refused() {
    let pictures = open("tests/fixtures/gelu").unwrap();
    let error = pictures.with_text(load("distilbert")).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the text model `tests/fixtures/multilingual/distilbert` has 20 dimensions, expected 28 as in the pictures' model"
    );
    assert!(error.hint().is_some());
}

#[test]
fn fingerprints_tell_the_steps_apart() {
    let of = |copy: Copy| copy.load().unwrap().fingerprint().to_owned();
    let original = of(Copy::of("bert"));
    assert_eq!(original, load("bert").fingerprint());
    let other_activation = Copy::of("bert").set(
        "2_Dense/config.json",
        "/activation_function",
        json!("torch.nn.modules.activation.Tanh"),
    );
    assert_ne!(original, of(other_activation));
    let weights = fs::read(Path::new(FAMILY).join("bert/2_Dense/model.safetensors")).unwrap();
    let numbers = 8 + u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let other: Vec<u8> = weights[..numbers]
        .iter()
        .copied()
        .chain(weights[numbers..].iter().map(|byte| byte ^ 1))
        .collect();
    assert_ne!(
        original,
        of(Copy::of("bert").with("2_Dense/model.safetensors", other))
    );
    let without_last = Copy::of("bert").edit("modules.json", |modules| {
        modules.as_array_mut().unwrap().pop();
    });
    assert_ne!(original, of(without_last));
}

#[test]
fn files_are_found_in_a_list_of_names() {
    let names = [
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "2_Dense/pytorch_model.bin",
        "README.md",
        "config.json",
        "model.safetensors",
        "modules.json",
        "onnx/config.json",
        "onnx/model.onnx",
        "pytorch_model.bin",
        "sentence_bert_config.json",
        "tokenizer.json",
        "vocab.txt",
    ];
    let described: Vec<&str> = Checkpoint::description_files(&names);
    assert_eq!(
        described,
        [
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "config.json",
            "modules.json",
            "sentence_bert_config.json",
            "tokenizer.json",
            "vocab.txt"
        ]
    );
    let checkpoint = Checkpoint::open(&Path::new(FAMILY).join("distilbert")).unwrap();
    assert_eq!(
        checkpoint.weight_files(&names).unwrap(),
        ["model.safetensors", "2_Dense/model.safetensors"]
    );
    let checkpoint = Checkpoint::open(&Path::new(FAMILY).join("bert")).unwrap();
    let names = [
        "0_Transformer/config.json",
        "0_Transformer/pytorch_model.bin",
        "2_Dense/pytorch_model.bin",
        "3_Dense/model.safetensors",
    ];
    assert_eq!(Checkpoint::description_files(&names), names[..1]);
    assert_eq!(checkpoint.weight_files(&names).unwrap(), names[1..]);
}

/// A copy of a checkpoint of the family, to be modified.
struct Copy(TempDir);

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let to = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy_folder(&file.path(), &to);
        } else {
            fs::copy(file.path(), to).unwrap();
        }
    }
}

impl Copy {
    fn of(name: &str) -> Self {
        let copy = Self(TempDir::new().unwrap());
        copy_folder(&Path::new(FAMILY).join(name), copy.0.path());
        copy
    }

    fn with(self, file: &str, contents: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.path().join(file), contents).unwrap();
        self
    }

    fn without(self, file: &str) -> Self {
        fs::remove_file(self.0.path().join(file)).unwrap();
        self
    }

    fn edit(self, file: &str, edit: impl FnOnce(&mut Value)) -> Self {
        let mut json =
            serde_json::from_slice(&fs::read(self.0.path().join(file)).unwrap()).unwrap();
        edit(&mut json);
        self.with(file, json.to_string())
    }

    /// Sets `pointer`, whose parent must exist, in the JSON of `file`.
    fn set(self, file: &str, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        self.edit(file, |json| match json.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
            other => other[name] = value,
        })
    }

    fn load(&self) -> Result<Model> {
        open(self.0.path())
    }

    /// Checks that loading it, or embedding a text, fails with this error; the directory is called `DIR`.
    #[track_caller]
    fn refuses(&self, expected: &str) {
        let error = self.load().and_then(|model| model.embed_text("a cat"));
        let directory = self.0.path().display().to_string();
        let error = error.unwrap_err();
        assert_eq!(error.to_string().replace(&directory, "DIR"), expected);
        // The message itself, not only its cause, must name the file.
        assert!(error.source().is_none() || expected.contains("DIR"));
    }
}

#[test]
fn modules_of_other_kinds_are_refused_by_name() {
    let type_of = |module: usize, class: &str| {
        Copy::of("distilbert").set("modules.json", &format!("/{module}/type"), json!(class))
    };
    let expected = "expected `Transformer`, then `Pooling`, then any of `Dense` and `Normalize`";
    for (module, class) in [
        (0, "sentence_transformers.models.BoW"),
        (1, "sentence_transformers.models.CNN"),
        (2, "sentence_transformers.models.LSTM"),
        (2, "custom_module.Dense"),
        (2, "sentence_transformers.models.Pooling"),
    ] {
        let found = format!("`type` in `DIR/modules.json` is `{class}`, {expected}");
        type_of(module, class).refuses(&found);
    }
    // Names in newer versions.
    type_of(
        1,
        "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    )
    .load()
    .unwrap();
    let alone = Copy::of("distilbert").edit("modules.json", |modules| {
        modules.as_array_mut().unwrap().truncate(1);
    });
    alone.refuses(&format!(
        "`type` in `DIR/modules.json` is `Transformer` alone, {expected}"
    ));
    Copy::of("distilbert")
        .without("modules.json")
        .refuses(
            "`DIR/config.json` describes a plain `distilbert`, expected a sentence-transformers model with a \
             `modules.json`",
        );
}

#[test]
fn settings_that_would_change_vectors_are_refused() {
    let case = |file: &str, pointer: &str, value: Value, expected: &str| {
        Copy::of("distilbert")
            .set(file, pointer, value)
            .refuses(expected);
    };
    case(
        "1_Pooling/config.json",
        "/pooling_mode",
        json!("attention"),
        "`pooling_mode` in `DIR/1_Pooling/config.json` is `attention`, expected one or several of `cls`, `max`, `mean`, \
         `mean_sqrt_len_tokens`, `weightedmean`, `lasttoken`",
    );
    case(
        "2_Dense/config.json",
        "/activation_function",
        json!("torch.nn.modules.activation.GELU"),
        "`activation_function` in `DIR/2_Dense/config.json` is `torch.nn.modules.activation.GELU`, expected one of \
         `torch.nn.modules.linear.Identity`, `torch.nn.modules.activation.Tanh`",
    );
    case(
        "2_Dense/config.json",
        "/in_features",
        json!(25),
        "`in_features` in `DIR/2_Dense/config.json` is 25, expected 24, the previous module's output",
    );
    case(
        "2_Dense/config.json",
        "/use_residual",
        json!(true),
        "`use_residual` in `DIR/2_Dense/config.json` is true, expected false",
    );
    case(
        "config.json",
        "/n_heads",
        json!(5),
        "`n_heads` in `DIR/config.json` is 5, expected a divisor of the width, 24",
    );
    case(
        "config.json",
        "/activation",
        json!("relu"),
        "`activation` in `DIR/config.json` is `relu`, expected one of `quick_gelu`, `gelu`, `gelu_new`, \
         `gelu_pytorch_tanh`",
    );
    case(
        "special_tokens_map.json",
        "/unk_token",
        json!("<none>"),
        "`DIR/tokenizer.json` does not describe a usable tokenizer",
    );
    Copy::of("distilbert")
        .with("config_sentence_transformers.json", r#"{"default_prompt_name": "query"}"#)
        .refuses(
            "`default_prompt_name` in `DIR/config_sentence_transformers.json` is \"query\", expected none",
        );
    Copy::of("distilbert")
        .without("tokenizer.json")
        .set("tokenizer_config.json", "/tokenizer_class", json!("BertJapaneseTokenizer"))
        .refuses(
            "`tokenizer_class` in `DIR/tokenizer_config.json` is `BertJapaneseTokenizer`, expected one of \
             `BertTokenizer`, `DistilBertTokenizer`, or a `tokenizer.json`",
        );
}

#[test]
fn folders_outside_the_model_are_not_read() {
    for path in ["..", "../x", "/etc", "a/b", "a\\b", "."] {
        let copy = Copy::of("distilbert").set("modules.json", "/2/path", json!(path));
        copy.refuses(&format!(
            "`path` in `DIR/modules.json` is `{path}`, expected the name of a subfolder"
        ));
    }
}

#[test]
fn missing_and_damaged_parts_are_named() {
    Copy::of("distilbert")
        .without("2_Dense/pytorch_model.bin")
        .refuses("tensor `2_Dense.linear.weight` is missing from `DIR/model.safetensors`");
    Copy::of("distilbert")
        .without("2_Dense/config.json")
        .refuses("`2_Dense/config.json` is missing from the model `DIR`");
    Copy::of("bert")
        .without("0_Transformer/pytorch_model.bin")
        .refuses("`0_Transformer/model.safetensors` is missing from the model `DIR`");
    Copy::of("bert")
        .without("0_Transformer/vocab.txt")
        .refuses("`0_Transformer/tokenizer.json` is missing from the model `DIR`");
    Copy::of("bert")
        .without("0_Transformer/config.json")
        .refuses("`0_Transformer/config.json` is missing from the model `DIR`");
    Copy::of("bert")
        .set("0_Transformer/config.json", "/max_position_embeddings", json!(41))
        .refuses(
            "tensor `bert.embeddings.position_embeddings.weight` in `DIR/0_Transformer/pytorch_model.bin` has shape \
             [40, 16], expected [41, 16]",
        );
    Copy::of("bert")
        .with("0_Transformer/vocab.txt", [b'a', b'\n', 0xff])
        .refuses("`DIR/0_Transformer/vocab.txt` does not describe a usable tokenizer");
    Copy::of("distilbert")
        .with("modules.json", "{}")
        .refuses("`DIR/modules.json` is not valid");
    Copy::of("distilbert")
        .set("config.json", "/n_layers", json!(u64::MAX))
        .refuses(
            "tensor `transformer.layer.2.attention.q_lin.bias` is missing from `DIR/model.safetensors`",
        );
}

#[test]
fn too_many_tokens_are_refused() {
    let model = load("bert");
    let error = model.embed_tokens(&[vec![5; 41]]).unwrap_err();
    assert_eq!(error.to_string(), "a text of 41 tokens, expected 1 to 40");
    let error = model.embed_tokens(&[vec![]]).unwrap_err();
    assert_eq!(error.to_string(), "a text of 0 tokens, expected 1 to 40");
    assert!(model.embed_tokens(&[]).unwrap().is_empty());
}
