use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clipseek::{Answer, Query, Sign, Term, TermKind};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use picture::Picture;
use rayon::prelude::*;
use search::{Address, Hit};

use super::{caption, evidence, tile};

/// The longest side of a picture on the page, in pixels; sharp on a high-density screen.
const EDGE: u32 = 480;

/// The quality of the pictures on the page.
const QUALITY: u8 = 82;

const STYLE: &str = include_str!("page.css");

/// A self-contained HTML page with a section per answer.
pub(crate) fn page(answers: &[Answer]) -> String {
    let titles: Vec<String> = answers.iter().map(|it| it.query.title()).collect();
    document(
        &titles.join(" · "),
        &html! { @for answer in answers { (section(answer)) } },
        "Similarity is the cosine of the embeddings of the query and of the picture or caption.",
    )
}

/// A page with a title, a body and a footer.
pub(super) fn document(title: &str, body: &Markup, foot: &str) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · clipseek" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                footer { (foot) }
            }
        }
    }
    .into_string()
}

fn section(answer: &Answer) -> Markup {
    let hits = &answer.found.hits;
    let pictures: Vec<Option<Picture>> = hits
        .par_iter()
        .map(|hit| tile::thumbnail(hit.path(), EDGE, EDGE))
        .collect();
    html! {
        section {
            header {
                (query_parts(&answer.query))
                p.about {
                    (how_many(hits.len())) " of collection "
                    strong { (answer.collection) } ", by model " strong { (answer.model) } "."
                }
            }
            ol.hits {
                @for (hit, picture) in hits.iter().zip(&pictures) {
                    (card(hit, &answer.query, picture.as_ref()))
                }
            }
        }
    }
}

fn how_many(hits: usize) -> String {
    match hits {
        0 => "No picture".to_owned(),
        1 => "The most similar picture".to_owned(),
        _ => format!("The {hits} most similar pictures"),
    }
}

fn query_parts(query: &Query) -> Markup {
    html! {
        @for (n, term) in query.terms.iter().enumerate() {
            div.part {
                (term_of_query(term, n == 0))
            }
        }
        @if let Some(keywords) = &query.keywords {
            div.part {
                p.kind { "Keywords" }
                h1 { (keywords.text()) }
            }
        }
    }
}

/// A term of the query with its kind, sign and weight.
fn term_of_query(term: &Term, is_first: bool) -> Markup {
    let weight = term.weight;
    let sign = Sign { weight, is_first };
    html! {
        @match &term.kind {
            TermKind::Words(words) => {
                p.kind { (sign) "Words" }
                h1 { "“" (words) "”" }
            }
            what => {
                p.kind { (sign) "Picture" }
                figure {
                    (image(tile::of_term(what, EDGE, EDGE).as_ref(), "the query"))
                    figcaption { (what.name()) }
                }
            }
        }
    }
}

fn card(hit: &Hit, query: &Query, picture: Option<&Picture>) -> Markup {
    let caption = caption(hit, query);
    let label = caption.unwrap_or_else(|| hit.address().name());
    let caption = caption.unwrap_or_default();
    let evidence = evidence(hit);
    html! {
        li {
            a href=(url(hit.address())) title=(hit.location) { (image(picture, label)) }
            p.caption title=(caption) { (caption) }
            p.facts {
                @for (name, value) in &evidence {
                    span.similarity title=(name) {
                        @if evidence.len() > 1 { (name) " " }
                        (value)
                    }
                }
                span.name { (hit.image) }
            }
        }
    }
}

pub(super) fn image(picture: Option<&Picture>, text: &str) -> Markup {
    html! {
        @match picture {
            Some(picture) => {
                img src={ "data:image/jpeg;base64," (STANDARD.encode(picture.to_jpeg(QUALITY))) }
                    width=(picture.width()) height=(picture.height()) alt=(text);
            }
            None => div.missing { "file can no longer be read" }
        }
    }
}

/// The URL of a picture: its own, or the `file:` URL of an absolute path (RFC 8089).
pub(super) fn url(address: Address<'_>) -> String {
    let path = match address {
        Address::Web(url) => return url.to_owned(),
        Address::File(path) => path.to_string_lossy().into_owned(),
        Address::Inside(row) => row.to_owned(),
    };
    let path = if cfg!(windows) {
        format!("/{}", path.replace('\\', "/"))
    } else {
        path
    };
    let mut url = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~:".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_urls() {
        let path = Address::File("/a b/ü?#%.jpg".as_ref());
        assert_eq!(url(path), "file:///a%20b/%C3%BC%3F%23%25.jpg");
        assert_eq!(url(Address::Web("https://a/b c")), "https://a/b c");
    }
}
