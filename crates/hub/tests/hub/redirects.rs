use std::time::Duration;

use hub::{Error, Revision};
use hub_double::{SIGNATURE, Server, TOKEN, Trouble};

use crate::world::{ID, World, model, pull, token};

#[test]
fn the_token_goes_to_the_hub_and_not_to_where_it_redirects() {
    let world = World::with_model(1000);
    let hub = world.hub_with(|settings| settings.token = token(TOKEN));
    pull(&hub, &Revision::main()).unwrap();
    let requests = world.double.take_requests();
    assert!(
        requests
            .iter()
            .any(|request| request.server == Server::Storage)
    );
    for request in requests {
        let sent = request.header("authorization").is_some();
        assert_eq!(sent, request.server == Server::Hub, "{request:?}");
    }
}

#[test]
fn the_token_does_not_follow_to_another_port_of_the_same_host() {
    let world = World::with_model(1000);
    let other = World::with_model(1000);
    let location = format!(
        "{}/owner/name/resolve/main/config.json",
        other.double.endpoint()
    );
    let elsewhere = Trouble::Status(302, vec![("location", location)]);
    world.double.trouble("GET", "/config.json", 1, elsewhere);
    let hub = world.hub_with(|settings| settings.token = token(TOKEN));
    pull(&hub, &Revision::main()).unwrap();
    let asked = other.double.requests();
    assert_eq!(asked.len(), 2, "the file is led to there, and sent");
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_mirrors_password_is_sent_to_it_alone_and_instead_of_a_token() {
    for sent in [None, token(TOKEN)] {
        let world = World::with_model(1000);
        // Base64 of `me:p@ss`.
        let password = "Basic bWU6cEBzcw==";
        world.double.require(password);
        let hub = world.hub_with(|settings| {
            settings.endpoint = settings.endpoint.replace("//", "//me:p%40ss@");
            settings.token = sent;
        });
        pull(&hub, &Revision::main()).unwrap();
        let requests = world.double.requests();
        let is_redirected = |request: &hub_double::Request| request.path.contains("resolve-cache");
        assert!(requests.iter().any(is_redirected));
        for request in requests {
            let expected = (request.server == Server::Hub).then_some(password);
            assert_eq!(request.header("authorization"), expected, "{request:?}");
        }
    }
}

#[test]
fn a_renamed_repository_is_followed_with_the_token() {
    let world = World::new();
    world.double.add(model(1000).private());
    world.double.rename("old/name", ID);
    let hub = world.hub_with(|settings| settings.token = token(TOKEN));
    let old = hub::Repository::model("old/name").unwrap();
    let silent = |_: hub::Progress<'_>| {};
    crate::world::wait(async {
        let listing = hub.listing(&old, &Revision::main(), &silent).await.unwrap();
        let names: Vec<&str> = listing.names().collect();
        hub.pull(&listing, &names, &silent).await.unwrap();
    });
    assert!(hub.cached(&old, &Revision::main()).unwrap().is_some());
}

#[test]
fn redirects_have_an_end() {
    let world = World::with_model(10);
    let around = Trouble::Status(302, vec![("location", "/api/models/owner/name".to_owned())]);
    world.double.trouble("GET", "/api/", usize::MAX, around);
    let error = world.pull().unwrap_err();
    assert!(
        error.to_string().ends_with("redirects too often"),
        "{error}"
    );
    assert_eq!(world.double.requests().len(), 11);
}

#[test]
fn a_redirect_to_no_web_address_is_refused() {
    for location in ["file:///etc/passwd", "http://", ""] {
        let world = World::with_model(10);
        let away = match location {
            "" => vec![],
            location => vec![("location", location.to_owned())],
        };
        world.double.trouble(
            "GET",
            "/config.json",
            usize::MAX,
            Trouble::Status(302, away),
        );
        let error = world.pull().unwrap_err();
        assert!(
            matches!(error, Error::Redirect { .. }),
            "{location}: {error}"
        );
    }
}

#[test]
fn no_message_holds_a_token_or_a_signature() {
    let troubles = [
        Trouble::Status(403, vec![]),
        Trouble::Status(404, vec![]),
        Trouble::Status(500, vec![]),
        Trouble::Cut(10),
        Trouble::Corrupt(3),
        Trouble::Silence,
    ];
    for trouble in troubles {
        let world = World::with_model(1000);
        world
            .double
            .trouble("GET", "/storage/", usize::MAX, trouble.clone());
        let hub = world.hub_with(|settings| {
            settings.token = token(TOKEN);
            if matches!(trouble, Trouble::Silence) {
                settings.limits.answer = Duration::from_millis(200);
            }
        });
        let error = shown(&pull(&hub, &Revision::main()).unwrap_err());
        assert!(
            !error.contains(SIGNATURE) && !error.contains(TOKEN),
            "{trouble:?}: {error}"
        );
        assert!(!format!("{:?}", hub.settings()).contains(TOKEN));
    }
}

/// All texts of an error: its causes, its hint and its debug form.
fn shown(error: &Error) -> String {
    let mut text = format!("{error:?} {:?}", error.hint());
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
