use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hub::{Error, Revision};
use hub_double::{OTHER_TOKEN, RawAnswer, RawServer, TOKEN, Trouble};

use crate::world::{World, listing, model, pull, token};

fn refused(world: &World, sent: &str) -> Error {
    let hub = world.hub_with(|settings| {
        settings.token = token(sent);
        settings.at_once = 1;
    });
    world.double.take_requests();
    let error = pull(&hub, &Revision::main()).unwrap_err();
    let requests = world.double.take_requests();
    assert!(
        requests.len() <= 2,
        "refusals are not tried again: {requests:#?}"
    );
    error
}

#[test]
fn a_gated_model_shows_where_its_terms_are() {
    let world = World::new();
    world.double.add(model(10).gated());
    let page = format!("{}/owner/name", world.double.endpoint());
    let error = refused(&world, "");
    assert_eq!(
        error.to_string(),
        "model `owner/name` is gated: its terms must be accepted first"
    );
    assert_eq!(
        error.hint().unwrap(),
        format!("accept them at {page}, then set HF_TOKEN to a token of your account")
    );
    let error = refused(&world, OTHER_TOKEN);
    assert_eq!(
        error.hint().unwrap(),
        format!("accept them at {page} with the account that the token belongs to")
    );
    let hub = world.hub_with(|settings| settings.token = token(TOKEN));
    pull(&hub, &Revision::main()).unwrap();
}

#[test]
fn a_missing_and_a_private_model_look_the_same() {
    let missing = World::new();
    let private = World::new();
    private.double.add(model(10).private());
    for world in [&missing, &private] {
        let error = refused(world, "");
        assert_eq!(
            error.to_string(),
            "there is no model `owner/name` on the hub, or it is private"
        );
        assert_eq!(
            error.hint().unwrap(),
            "check the spelling; a private one needs a token in HF_TOKEN"
        );
    }
    assert!(matches!(
        refused(&private, OTHER_TOKEN),
        Error::NotFound {
            with_token: true,
            ..
        }
    ));
    let hub = private.hub_with(|settings| settings.token = token(TOKEN));
    pull(&hub, &Revision::main()).unwrap();
}

#[test]
fn a_token_that_the_hub_does_not_know_is_said_to_be_bad() {
    let world = World::with_model(10);
    let error = refused(&world, "hf_expired");
    assert_eq!(error.to_string(), "the hub rejected the token");
    assert!(error.hint().unwrap().contains("settings/tokens"));
}

#[test]
fn a_missing_revision_is_named() {
    let world = World::with_model(10);
    let error = listing(&world.hub(), &Revision::new("v9").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "model `owner/name` has no branch, tag or commit `v9`"
    );
}

#[test]
fn a_file_that_was_deleted_since_it_was_listed_is_named() {
    let world = World::with_model(10);
    let gone = vec![("x-error-code", "EntryNotFound".to_owned())];
    world
        .double
        .trouble("HEAD", "/config.json", 1, Trouble::Status(404, gone));
    let error = world.pull().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("model `owner/name` has no file `"),
        "{error}"
    );
}

#[test]
fn other_refusals_are_told_in_the_hubs_words() {
    let world = World::with_model(10);
    let words = "Access to this resource is disabled.";
    let disabled = vec![("x-error-message", words.to_owned())];
    world
        .double
        .trouble("GET", "/api/", 1, Trouble::Status(403, disabled));
    let error = world.pull().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the hub denied access to model `owner/name`: {words}")
    );
    assert_eq!(world.double.requests().len(), 1);
}

#[test]
fn what_is_no_hub_is_said_to_be_none() {
    let world = World::with_model(10);
    let page = Trouble::Status(200, vec![("content-type", "text/html".to_owned())]);
    world.double.trouble("GET", "/api/", 1, page);
    let error = world.pull().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not respond as the hub does"),
        "{error}"
    );
    for header in ["x-repo-commit", "etag"] {
        let world = World::with_model(10);
        world
            .double
            .trouble("HEAD", "/config.json", usize::MAX, Trouble::Without(header));
        let error = world.pull().unwrap_err();
        assert!(matches!(error, Error::NotTheHub { .. }), "{error}");
    }
    let etag = Trouble::With(
        "etag",
        "\"../../../../../../../../../../tmp/evil\"".to_owned(),
    );
    world
        .double
        .trouble("HEAD", "/config.json", usize::MAX, etag);
    let error = world.pull().unwrap_err();
    assert!(
        error.to_string().ends_with("a file's etag is not its hash"),
        "{error}"
    );
}

#[test]
fn a_hub_that_is_not_there_could_not_be_reached() {
    let world = World::new();
    // Nothing listens at port 1. A port that was free a moment ago may be another test's by now.
    let hub = world.hub_with(|settings| settings.endpoint = "http://127.0.0.1:1".to_owned());
    let error = listing(&hub, &Revision::main()).unwrap_err();
    assert_eq!(error.to_string(), "cannot reach 127.0.0.1:1");
    assert!(error.hint().unwrap().contains("HTTPS_PROXY"));
}

#[test]
fn a_response_that_is_not_http_is_not_asked_for_again() {
    let world = World::new();
    for response in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\nlength\0: 1\r\n\r\n",
    ] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let server = RawServer::start(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            RawAnswer::Bytes(response.into())
        });
        let hub = world.hub_with(|settings| settings.endpoint = server.url(""));
        let error = pull(&hub, &Revision::main()).unwrap_err();
        let host = server.url("").replace("http://", "");
        assert_eq!(
            error.to_string(),
            format!("the response of {host} is not valid HTTP")
        );
        assert!(error.hint().unwrap().contains("HF_ENDPOINT"));
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{response:?}");
    }
}
