//! The Hub's responses, according to `huggingface_hub`'s source code. Not compared with huggingface.co
//! itself.

use std::collections::HashMap;

use crate::answer::Answer;
use crate::credentials::{OTHER_TOKEN, SIGNATURE, TOKEN};
use crate::repository::{Access, Repository, StoredFile};
use crate::request::{Request, Server};
use crate::trouble::Trouble;

/// Everything that the double serves.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// Repositories by kind, id and commit.
    commits: HashMap<(String, String, String), Repository>,
    /// Commits by kind, id and branch.
    branches: HashMap<(String, String, String), String>,
    renamed: HashMap<String, String>,
    /// Large files by hash.
    storage: HashMap<String, StoredFile>,
}

impl Shelf {
    pub(crate) fn add(&mut self, repository: Repository) {
        let commit = repository.commit();
        let key = |last: &str| {
            let (kind, id) = (repository.kind.to_owned(), repository.id.clone());
            (kind, id, last.to_owned())
        };
        for file in repository.files.values().filter(|file| file.is_large) {
            self.storage.insert(file.etag(), file.clone());
        }
        self.branches
            .insert(key(&repository.branch), commit.clone());
        self.commits.insert(key(&commit), repository);
    }

    pub(crate) fn rename(&mut self, old: &str, new: &str) {
        self.renamed.insert(old.to_owned(), new.to_owned());
    }

    pub(crate) fn answer(
        &self,
        request: &Request,
        storage_address: &str,
        trouble: Option<&Trouble>,
    ) -> Answer {
        if request.server == Server::Storage {
            return self.stored(request, trouble);
        }
        let parts = request.parts();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["api", "resolve-cache", kind, rest @ ..] => {
                self.resolve_cache(request, kind, rest, trouble)
            }
            ["api", kind, rest @ ..] => self.api(request, kind, rest),
            ["datasets", rest @ ..] => self.resolve(request, "datasets", rest, storage_address),
            rest => self.resolve(request, "models", rest, storage_address),
        }
    }

    fn api(&self, request: &Request, kind: &str, parts: &[&str]) -> Answer {
        let verbs = ["revision", "tree"];
        let verb = parts.iter().position(|part| verbs.contains(part));
        let (id, verb, revision) = match verb {
            Some(verb) => (&parts[..verb], parts[verb], parts[verb + 1..].join("/")),
            None => (parts, "revision", "main".to_owned()),
        };
        let revision = revision.trim_end_matches('/');
        match self.find(request, kind, &id.join("/"), revision) {
            Err(refusal) => refusal,
            Ok(repository) => {
                let body = match verb {
                    "tree" => repository.tree(),
                    _ => repository.description(),
                };
                Answer::new(200)
                    .header("content-type", "application/json; charset=utf-8")
                    .body(body.to_string())
            }
        }
    }

    /// Redirects to a file: to the storage if it's large, otherwise to the Hub's cache of small files.
    fn resolve(
        &self,
        request: &Request,
        kind: &str,
        parts: &[&str],
        storage_address: &str,
    ) -> Answer {
        let Some(verb) = parts.iter().position(|part| *part == "resolve") else {
            return refusal(
                404,
                "",
                "Sorry, we can't find the page you are looking for.",
            );
        };
        let (id, revision) = (parts[..verb].join("/"), parts[verb + 1]);
        let name = parts[verb + 2..].join("/");
        let (repository, file) = match self.find_file(request, kind, &id, revision, &name) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let (commit, etag) = (repository.commit(), file.etag());
        if file.is_large {
            let address = format!("{storage_address}/storage/{etag}?X-Signature={SIGNATURE}");
            return Answer::new(302)
                .header("location", address)
                .header("x-repo-commit", commit)
                .header("x-linked-etag", format!("\"{etag}\""))
                .header("x-linked-size", file.listed_size.to_string())
                .body("Found. Redirecting elsewhere");
        }
        // The name as sent, percent-encoded.
        let written = request.path.split('/').filter(|part| !part.is_empty());
        let written: Vec<&str> = written.collect();
        let start = written.len() - (parts.len() - verb - 2);
        let name = written[start..].join("/");
        let address = format!("/api/resolve-cache/{kind}/{id}/{commit}/{name}?etag=%22{etag}%22");
        Answer::new(307)
            .header("location", address)
            .header("x-repo-commit", commit)
            .body("Temporary Redirect. Redirecting elsewhere")
    }

    fn resolve_cache(
        &self,
        request: &Request,
        kind: &str,
        parts: &[&str],
        trouble: Option<&Trouble>,
    ) -> Answer {
        let is_commit = |part: &&str| part.len() == 40;
        let Some(place) = parts.iter().position(is_commit) else {
            return refusal(404, "", "Not found");
        };
        let (id, name) = (parts[..place].join("/"), parts[place + 1..].join("/"));
        match self.find_file(request, kind, &id, parts[place], &name) {
            Err(refusal) => refusal,
            Ok((repository, file)) => {
                let etag = format!("\"{}\"", file.etag());
                let answer = ranged(file, &etag, request, trouble);
                answer.header("x-repo-commit", repository.commit())
            }
        }
    }

    /// Returns the file if the client has access.
    fn find_file(
        &self,
        request: &Request,
        kind: &str,
        id: &str,
        revision: &str,
        name: &str,
    ) -> Result<(&Repository, &StoredFile), Answer> {
        let repository = self.find(request, kind, id, revision)?;
        gate(repository, request)?;
        let file = repository.files.get(name).ok_or_else(|| {
            let missing = refusal(404, "EntryNotFound", "Entry not found");
            missing.header("x-repo-commit", repository.commit())
        })?;
        Ok((repository, file))
    }

    /// Returns the repository at the revision if the client may see it.
    fn find(
        &self,
        request: &Request,
        kind: &str,
        id: &str,
        revision: &str,
    ) -> Result<&Repository, Answer> {
        if let Some(new) = self.renamed.get(id) {
            let target = request.path.replace(id, new);
            let query = match request.query.as_str() {
                "" => String::new(),
                query => format!("?{query}"),
            };
            return Err(Answer::new(307).header("location", format!("{target}{query}")));
        }
        let token = token(request)?;
        let not_found = || match token {
            None => refusal(401, "RepoNotFound", "Invalid username or password."),
            Some(_) => refusal(404, "RepoNotFound", "Repository not found"),
        };
        let here = |(a, b, _): &&(String, String, String)| a == kind && b == id;
        let any = self.commits.keys().find(here).ok_or_else(not_found)?;
        if self.commits[any].access == Access::Private && token != Some(TOKEN) {
            return Err(not_found());
        }
        let key = |last: &str| (kind.to_owned(), id.to_owned(), last.to_owned());
        let commit = self.branches.get(&key(revision));
        let commit = commit.map_or(revision, String::as_str);
        self.commits.get(&key(commit)).ok_or_else(|| {
            refusal(
                404,
                "RevisionNotFound",
                &format!("Invalid rev id: {revision}"),
            )
        })
    }

    fn stored(&self, request: &Request, trouble: Option<&Trouble>) -> Answer {
        let file = request
            .parts()
            .pop()
            .and_then(|hash| self.storage.get(&hash));
        match file {
            Some(file) if request.query.contains(SIGNATURE) => {
                // The storage uses other etags.
                ranged(
                    file,
                    "\"d41d8cd98f00b204e9800998ecf8427e-1\"",
                    request,
                    trouble,
                )
            }
            _ => Answer::new(403).body("<Error><Code>AccessDenied</Code></Error>"),
        }
    }
}

/// The token of the request.
fn token(request: &Request) -> Result<Option<&str>, Answer> {
    let authorization = request.header("authorization");
    // A client with a mirror's password has no token.
    let token = authorization
        .filter(|value| !value.starts_with("Basic "))
        .map(|value| value.trim_start_matches("Bearer "));
    match token {
        None | Some(TOKEN | OTHER_TOKEN) => Ok(token),
        Some(_) => Err(refusal(
            401,
            "",
            "Invalid credentials in Authorization header",
        )),
    }
}

/// Checks that the client has accepted the repository's terms.
fn gate(repository: &Repository, request: &Request) -> Result<(), Answer> {
    match (repository.access, token(request)?) {
        (Access::Gated, None) => Err(refusal(
            401,
            "GatedRepo",
            "Access to this repository is restricted. You must be authenticated to access it.",
        )),
        (Access::Gated, Some(OTHER_TOKEN)) => Err(refusal(
            403,
            "GatedRepo",
            "Access to this repository is restricted and you are not in the authorized list.",
        )),
        _ => Ok(()),
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let answer = Answer::new(status)
        .header("x-error-message", message)
        .body(message);
    match code {
        "" => answer,
        code => answer.header("x-error-code", code),
    }
}

/// Returns the file, or the requested range.
fn ranged(file: &StoredFile, etag: &str, request: &Request, trouble: Option<&Trouble>) -> Answer {
    let size = file.bytes.len();
    let whole = || Answer::new(200).body(file.bytes.clone());
    let is_same = request.header("if-range").is_none_or(|known| known == etag);
    let start = request.range_start().filter(|_| is_same);
    let answer = match start {
        None => whole(),
        Some(_) if matches!(trouble, Some(Trouble::IgnoreRange)) => whole(),
        Some(start) if start >= size => {
            let answer = Answer::new(416).header("content-range", format!("bytes */{size}"));
            return answer;
        }
        Some(start) => {
            let end = request.range_end().map_or(size, |end| size.min(end + 1));
            let range = format!("bytes {start}-{}/{size}", end - 1);
            let mut answer = Answer::new(206).header("content-range", range);
            answer.start = start;
            answer.body(&file.bytes[start..end])
        }
    };
    answer
        .header("etag", etag)
        .header("accept-ranges", "bytes")
        .header("content-type", "application/octet-stream")
}
