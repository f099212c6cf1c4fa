use std::fs;

use dataset::{Address, Error, Record, Source, SourceOptions};

use crate::tree::{PNG, Tree, problems, records};

#[test]
fn pictures_are_found_in_order_among_other_things() {
    let tree = Tree::new(&[
        "b.jpg",
        "a/z.PNG",
        "a/y.JPeG",
        "a/b/c/deep.webp",
        "a.tiff",
        "é 狗 🐕.gif",
        "notes.pdf",
        ".hidden.jpg",
        ".git/picture.jpg",
        "._b.jpg",
        ".DS_Store",
        "Thumbs.db",
        "a/desktop.ini",
        "a/@eaDir/y.jpg",
        "__MACOSX/b.jpg",
        "$RECYCLE.BIN/old.jpg",
        "System Volume Information/x.jpg",
        "lost+found/x.jpg",
    ]);
    tree.write("notes.txt", b"BMW is a brand of cars")
        .write("scan", PNG)
        .write("c.dat", PNG);
    let listing = tree.read("");
    let locations = tree.locations(&listing);
    assert_eq!(
        locations,
        [
            "a/b/c/deep.webp",
            "a/y.JPeG",
            "a/z.PNG",
            "a.tiff",
            "b.jpg",
            "c.dat",
            "scan",
            "é 狗 🐕.gif"
        ]
    );
    assert_eq!(tree.problems(&listing), [""; 0]);
}

#[test]
fn every_magic_number_is_known() {
    let contents: [&[u8]; 6] = [
        b"\xff\xd8\xff\xe0",
        PNG,
        b"GIF89a",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0",
        b"II*\0\x08\0\0\0",
    ];
    for content in contents {
        let tree = Tree::new(&[]);
        tree.write("unnamed", content);
        assert_eq!(tree.locations(&tree.read("")), ["unnamed"], "{content:?}");
    }
}

#[test]
fn pictures_in_formats_that_are_not_read_are_reported() {
    let tree = Tree::new(&["one.JP2", "two.jpg", "three.nef", "four.HEIC"]);
    let listing = tree.read("");
    assert_eq!(
        tree.locations(&listing),
        ["four.HEIC", "three.nef", "two.jpg"]
    );
    assert_eq!(
        tree.problems(&listing),
        ["one.JP2: pictures in the format `jp2` are not supported"]
    );
    assert_eq!(problems(&listing)[0].summary, "format not read");
}

#[test]
fn one_picture_is_a_source() {
    let tree = Tree::new(&["a/b.jpg"]);
    let location = tree.path("a/b.jpg");
    assert_eq!(
        records(&tree.read("a/../a/./b.jpg")),
        [Record {
            id: None,
            source: location.clone().into(),
            address: Address::File(location),
            captions: Vec::new(),
            metadata: dataset::Metadata::new(),
            contributions: Vec::new(),
        }]
    );
    tree.write("new.jp2", b"\xFF\x0A");
    assert_eq!(tree.problems(&tree.read("new.jp2")).len(), 1);
    tree.write("unnamed", PNG);
    assert_eq!(tree.locations(&tree.read("unnamed")), ["unnamed"]);
}

#[test]
fn an_empty_folder_is_an_empty_listing() {
    let listing = Tree::new(&[]).read("");
    assert!(listing.is_empty());
    assert!(listing.records().next().is_none() && listing.listed_problems().next().is_none());
}

#[test]
fn what_is_not_there_or_no_source_is_an_error() {
    let tree = Tree::new(&["film.mp4", "empty"]);
    let error = tree
        .read_with("missing", SourceOptions::default())
        .unwrap_err();
    assert!(matches!(error, Error::Read { .. }));
    for file in ["film.mp4", "empty"] {
        let error = tree.read_with(file, SourceOptions::default()).unwrap_err();
        assert!(matches!(error, Error::UnknownKind { .. }), "{error}");
    }
}

#[test]
fn exclusions_work_as_in_a_gitignore() {
    let tree = Tree::new(&[
        "a.gif",
        "a.jpg",
        "raw/a.jpg",
        "2019/raw/b.jpg",
        "2019/b.png",
        "2020/b.png",
        "2019/trip/c.png",
        "raw.jpg",
    ]);
    let case = |patterns: &[&str], expected: &[&str]| {
        let locations = tree.locations(&tree.read_excluding("", patterns));
        assert_eq!(locations, expected, "{patterns:?}");
    };
    case(&["*.png", "a.*"], &["2019/raw/b.jpg", "raw.jpg"]);
    case(
        &["raw", "2020"],
        &["2019/b.png", "2019/trip/c.png", "a.gif", "a.jpg", "raw.jpg"],
    );
    case(
        &["/raw", "2019/*.png", "*.gif", "b.png/"],
        &[
            "2019/raw/b.jpg",
            "2019/trip/c.png",
            "2020/b.png",
            "a.jpg",
            "raw.jpg",
        ],
    );
    case(
        &["2019/**/*.png", "a.*", "raw/"],
        &["2020/b.png", "raw.jpg"],
    );
    case(&["*"], &[]);
    case(&["{2019,2020,raw}/"], &["a.gif", "a.jpg", "raw.jpg"]);
    let error = Source::open(
        tree.root(),
        SourceOptions {
            exclude: vec!["a[".to_owned()],
            ..SourceOptions::default()
        },
    );
    assert!(error.unwrap_err().to_string().contains("`a[`"));
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_are_followed_once() {
        let tree = Tree::new(&["real/a.jpg", "real/sub/b.jpg"]);
        let elsewhere = Tree::new(&["far.jpg", "deep/farther.jpg"]);
        symlink(tree.path("real"), tree.path("another name of real")).unwrap();
        symlink(tree.root(), tree.path("real/sub/loop")).unwrap();
        symlink("..", tree.path("real/up")).unwrap();
        symlink(elsewhere.root(), tree.path("outside")).unwrap();
        symlink(elsewhere.root(), tree.path("outside again")).unwrap();
        symlink(tree.path("real/a.jpg"), tree.path("linked.jpg")).unwrap();
        let listing = tree.read("");
        assert_eq!(
            tree.locations(&listing),
            [
                "linked.jpg",
                "outside/deep/farther.jpg",
                "outside/far.jpg",
                "real/a.jpg",
                "real/sub/b.jpg"
            ]
        );
        assert_eq!(tree.problems(&listing), [""; 0]);
    }

    #[test]
    fn a_linked_folder_is_a_source() {
        let tree = Tree::new(&["real/a.jpg"]);
        symlink("real", tree.path("link")).unwrap();
        assert_eq!(tree.locations(&tree.read("link")), ["link/a.jpg"]);
    }

    #[test]
    fn broken_links_are_reported() {
        let tree = Tree::new(&["a.jpg"]);
        symlink("missing.jpg", tree.path("broken.jpg")).unwrap();
        symlink("itself", tree.path("itself")).unwrap();
        let listing = tree.read("");
        assert_eq!(tree.locations(&listing), ["a.jpg"]);
        assert_eq!(
            tree.problems(&listing),
            ["broken.jpg: broken link", "itself: broken link"]
        );
        let listing = tree.read_excluding("", &["broken.*", "itself"]);
        assert_eq!(tree.problems(&listing), [""; 0]);
    }

    #[test]
    fn unreadable_folders_are_reported() {
        let tree = Tree::new(&["a.jpg", "closed/b.jpg"]);
        let closed = tree.path("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let is_refused = fs::read_dir(&closed).is_err();
        let listing = tree.read("");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
        // Root ignores permissions.
        if is_refused {
            assert_eq!(tree.locations(&listing), ["a.jpg"]);
            assert_eq!(problems(&listing)[0].summary, "cannot be read");
        }
    }

    #[test]
    fn names_that_are_not_utf8_are_reported() {
        let tree = Tree::new(&["a.jpg"]);
        let name = OsStr::from_bytes(b"caf\xe9.jpg");
        let folder = tree.root().join(OsStr::from_bytes(b"\xff"));
        let text = tree.root().join(OsStr::from_bytes(b"\xff.txt"));
        if fs::write(tree.root().join(name), b"").is_err() {
            return; // The file system takes UTF-8 only.
        }
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("b.jpg"), b"").unwrap();
        fs::write(text, b"no picture").unwrap();
        let listing = tree.read("");
        assert_eq!(tree.locations(&listing), ["a.jpg"]);
        let reasons: Vec<_> = problems(&listing)
            .into_iter()
            .map(|problem| problem.summary)
            .collect();
        assert_eq!(reasons, ["name is not UTF-8", "name is not UTF-8"]);
        let listing = Source::open(&tree.root().join(name), SourceOptions::default())
            .and_then(|source| source.read())
            .unwrap();
        assert_eq!((listing.pictures(), listing.problems()), (0, 1));
    }

    #[test]
    fn pipes_and_sockets_are_not_opened() {
        let tree = Tree::new(&["a.jpg"]);
        let _socket = std::os::unix::net::UnixListener::bind(tree.path("socket.jpg")).unwrap();
        assert_eq!(tree.locations(&tree.read("")), ["a.jpg"]);
        let error = tree
            .read_with("socket.jpg", SourceOptions::default())
            .unwrap_err();
        assert!(matches!(error, Error::UnknownKind { .. }));
    }
}
