//! Holds answers against the document of the JSON API.

use std::sync::OnceLock;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

/// Where the validator finds the document.
const LOCATION: &str = "http://localhost/document";

/// The document, in which objects have no other fields than those that are described.
fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let text = include_str!("../../../src/api/openapi.json");
        let mut document = serde_json::from_str(text).unwrap();
        close(&mut document);
        document
    })
}

/// Forbids fields that nobody describes.
fn close(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("type") == Some(&json!("object")) && fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// All operations: their paths, methods and descriptions.
pub(crate) fn operations() -> impl Iterator<Item = (&'static str, String, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(move |(method, about)| (path.as_str(), method.to_uppercase(), about))
    })
}

/// Whether a path is one of those that a template with `{name}`s stands for.
fn is_of(path: &str, template: &str) -> bool {
    let (path, template) = (path.split('/'), template.split('/'));
    let is_same = |(part, name): (&str, &str)| part == name || name.starts_with('{');
    path.clone().count() == template.clone().count() && path.zip(template).all(is_same)
}

/// Follows a reference within the document.
pub(crate) fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => document().pointer(&reference[1..]).unwrap(),
        None => value,
    }
}

/// Asserts that the document describes an answer in JSON. What no operation is asked by, it doesn't.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, status: u16, kind: &str, answer: &Value) {
    let operation = operations().find(|(template, its, _)| its == method && is_of(path, template));
    let Some((_, _, operation)) = operation else {
        assert!([404, 405].contains(&status), "{method} {path}: {status}");
        return;
    };
    let responses = &operation["responses"];
    let response = match &responses[status.to_string()] {
        Value::Null => &responses["default"],
        response => response,
    };
    let content = &resolved(response)["content"][kind];
    assert!(
        !content.is_null(),
        "{method} {path}: {status} {kind} isn't described"
    );
    let mut compiler = Compiler::new();
    compiler.add_resource(LOCATION, document().clone()).unwrap();
    let schema = content["schema"]["$ref"].as_str().unwrap();
    let mut schemas = Schemas::new();
    let schema = compiler
        .compile(&format!("{LOCATION}{schema}"), &mut schemas)
        .unwrap();
    if let Err(error) = schemas.validate(answer, schema) {
        panic!("{method} {path}: {status} isn't as described: {error}\n{answer}");
    }
}
