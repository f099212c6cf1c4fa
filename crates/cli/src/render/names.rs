use std::collections::{HashMap, HashSet};

use search::Hit;

/// Display names of hits: file names, with as many parent folders as needed to tell equal names apart.
pub(super) fn names(hits: &[Hit]) -> Vec<String> {
    let mut alike: HashMap<&str, Vec<&Hit>> = HashMap::new();
    for hit in hits {
        alike.entry(hit.address().name()).or_default().push(hit);
    }
    let depths: HashMap<&str, usize> = alike
        .into_iter()
        .map(|(name, hits)| (name, depth(&hits)))
        .collect();
    let name = |hit: &Hit| {
        let name = hit.address().name();
        match depths[name] {
            1 => name.to_owned(),
            depth => shortened(&hit.image, depth),
        }
    };
    hits.iter().map(name).collect()
}

/// The number of path components from the end that tell hits with the same name apart.
fn depth(hits: &[&Hit]) -> usize {
    let most = hits.iter().map(|hit| hit.image.split('/').count()).max();
    let tells_apart = |depth: &usize| {
        let ends: HashSet<&str> = hits.iter().map(|hit| end(&hit.image, *depth)).collect();
        ends.len() == hits.len()
    };
    (1..=most.unwrap_or(1))
        .find(tells_apart)
        .unwrap_or(usize::MAX)
}

/// The last parts of a path.
fn end(path: &str, depth: usize) -> &str {
    let slash = path.rmatch_indices('/').nth(depth - 1);
    slash.map_or(path, |(at, _)| &path[at + 1..])
}

fn shortened(path: &str, depth: usize) -> String {
    match end(path, depth) {
        whole if whole.len() == path.len() => whole.to_owned(),
        end => format!("…/{end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(paths: &[&str], expected: &[&str]) {
        let hit = |path: &&str| Hit {
            id: String::new(),
            similarity: None,
            caption: None,
            keyword_rank: None,
            location: format!("/home/{path}"),
            image: (*path).to_owned(),
            file: None,
            width: None,
            height: None,
            captions: Vec::new(),
            metadata: serde_json::Map::new(),
            colour: None,
            folded: Vec::new(),
            hash: None,
        };
        let hits: Vec<Hit> = paths.iter().map(hit).collect();
        assert_eq!(names(&hits), expected);
    }

    #[test]
    fn equal_names_have_what_tells_them_apart() {
        case(&["p/a/1.jpg", "p/b/2.jpg"], &["1.jpg", "2.jpg"]);
        case(
            &["p/x/a/1.jpg", "p/x/b/1.jpg", "p/2.jpg"],
            &["…/a/1.jpg", "…/b/1.jpg", "2.jpg"],
        );
        case(&["p/1.jpg", "p/a/1.jpg"], &["p/1.jpg", "…/a/1.jpg"]);
        // Of two folders of one name.
        case(&["p/1.jpg", "p/1.jpg"], &["p/1.jpg", "p/1.jpg"]);
    }
}
