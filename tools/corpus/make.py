"""Makes a corpus of hostile pictures from the picture crate's fixtures: python3 make.py DIR

Needs only Python, and is deterministic. Writes into DIR the files and cases.tsv: file, format, kind,
and the acceptable outcomes, separated by commas: `indexed`, or a reason of the picture crate's
errors. `any` stands for indexed or any reason, because flipped bits may leave a valid picture.
"""

import random
import struct
import sys
import zlib
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "crates/picture/tests/fixtures/formats"
CASES = 40

# Fixtures by format, without those whose first half contains a picture.
SEEDS = {
    "jpeg": ["420.jpg", "444.jpg", "progressive.jpg", "restart.jpg", "cmyk.jpg", "exif-6.jpg"],
    "png": ["rgb.png", "rgb-alpha-16.png", "palette.png", "exif-6.png", "grey-1.png"],
    "webp": ["lossy.webp", "lossless.webp", "lossy-alpha.webp", "exif-8.webp"],
    "gif": ["plain.gif", "interlaced.gif", "transparent.gif", "canvas.gif"],
    "bmp": ["rgb.bmp", "palette.bmp", "grey.bmp", "rgbx.bmp"],
    "tiff": ["rgb.tif", "rgb-lzw.tif", "jpeg.tif", "big.tif", "planes.tif", "palette.tif"],
    "raw": ["plain.dng", "plain.nef", "plain.cr2", "plain.arw", "exif-8.raf", "plain.cr3"],
    "avif": ["444.avif", "420.avif", "alpha.avif", "grid.avif", "10-bit.avif", "turned-6.avif"],
    "jxl": ["lossless.jxl", "lossy.jxl", "boxes.jxl", "alpha.jxl", "from-jpeg.jxl", "turned-6.jxl"],
    "heic": ["444.heic", "420.heic", "alpha.heic", "grid.heic", "cropped.heic"],
}

class Corpus:
    def __init__(self, folder):
        self.folder, self.lines = folder, []

    def add(self, form, kind, data, expected, extension=None):
        name = f"{form}/{kind}-{len(self.lines):05}.{extension or form}"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.lines.append(f"{name}\t{form}\t{kind}\t{expected}")


def seeds(form):
    return [(FIXTURES / name).read_bytes() for name in SEEDS[form]]


def truncated(corpus, form):
    """Cuts anywhere between the first bytes and the last tenth."""
    for index in range(CASES):
        data = seeds(form)[index % len(SEEDS[form])]
        length = 24 + (len(data) * 9 // 10 - 24) * index // CASES
        # A raw file's preview may be complete; otherwise nothing tells what is missing.
        expected = "truncated,indexed,unsupported" if form == "raw" else "truncated"
        corpus.add(form, "truncated", data[:length], expected)


def flipped(corpus, form, chance):
    for index in range(CASES * 2):
        data = bytearray(seeds(form)[index % len(SEEDS[form])])
        for _ in range(1 + index % 5):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        corpus.add(form, "bits", bytes(data), "any")


def lies(corpus, form, chance):
    """Writes extreme numbers where headers and directories have sizes, lengths and offsets."""
    extremes = [bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\0\0", b"\0\1\0\0"]
    for index in range(CASES * 3):
        data = bytearray(seeds(form)[index % len(SEEDS[form])])
        reach = min(len(data), 160)
        at_end = form in ("tiff", "raw") and index % 2
        place = (len(data) - reach if at_end else 2) + chance.randrange(reach - 6)
        data[place : place + 4] = extremes[index % len(extremes)]
        corpus.add(form, "lies", bytes(data), "any")


def others(corpus, form):
    names = [other for other in SEEDS if other != form] + ["txt", "mp4"]
    for index in range(CASES):
        data = seeds(form)[index % len(SEEDS[form])]
        corpus.add(form, "extension", data, "indexed", names[index % len(names)])


def zeros(corpus, form):
    head = {"webp": 30, "png": 24, "tiff": 8}.get(form, 12)
    for index in range(CASES):
        length = index * index * 7
        if index % 2:
            data = seeds(form)[0][:head] + bytes(length)
            # In lossy WebP, zeros are grey.
            grey = ",indexed" if form == "webp" else ""
            corpus.add(form, "zeros", data, "truncated,damaged,unsupported,no pixels" + grey)
        else:
            corpus.add(form, "zeros", bytes(length), "not a picture" if length else "empty")


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, body, before=b"", colours=2):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def tiff(width, height, **more):
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 8}
    tags |= {int(tag[1:]): value for tag, value in more.items()}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


def patched(data, place, number):
    return data[:place] + number + data[place + len(number) :]


def huge(form, side):
    """A small file that claims to be `side` pixels wide and high; 65,535 if that is the format's maximum."""
    data = seeds(form)[0]
    short = min(side, 65535)
    if form == "png":
        return png(side, side, zlib.compress(bytes(1000)))
    if form == "gif":
        return patched(data, 6, struct.pack("<HH", short, short))
    if form == "bmp":
        return patched(data, 18, struct.pack("<II", side, side))
    if form == "tiff":
        return tiff(side, side)
    if form in ("jpeg", "raw"):
        frame = data.rindex(b"\xff\xc0")
        return patched(data, frame + 5, struct.pack(">HH", short, short))
    if form in ("avif", "heic"):
        extent = data.index(b"ispe") + 8
        return patched(data, extent, struct.pack(">II", side, side))
    if form == "jxl":
        # From the lowest bit: a height of 30 bits, and an equal width.
        return data[:2] + struct.pack("<Q", 3 << 1 | (side - 1) << 3 | 1 << 33) + data[2:]
    data = (FIXTURES / "animated.webp").read_bytes()
    canvas = struct.pack("<I", min(side, 1 << 16) - 1)[:3]
    return patched(data, data.index(b"VP8X") + 12, canvas * 2)


def bombs(corpus, form):
    for index in range(CASES):
        # A raw file may have a smaller preview.
        expected = "too many pixels,indexed" if form == "raw" else "too many pixels"
        corpus.add(form, "bombs", huge(form, 14_143 + index * index * 30), expected)
    if form == "png":
        # A million to one: metadata and pixels that decompress to too much.
        packed = zlib.compress(bytes(64 << 20), 9)
        for kind, head in ((b"iCCP", b"x\0\0"), (b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0")):
            chunk = png_chunk(kind, head + packed)
            corpus.add(form, "bombs", png(4, 4, zlib.compress(bytes(52)), chunk * 4), "any")
        corpus.add(form, "bombs", png(4, 4, packed), "any")
        corpus.add(form, "bombs", png(14_142, 14_142, zlib.compress(bytes(14_142 * 42_427), 9)), "indexed")
    if form == "jpeg":
        data = (FIXTURES / "progressive.jpg").read_bytes()
        scan = data.index(b"\xff\xda")
        for times in (30, 300, 3000):
            bomb = data[:scan] + data[scan:-2] * times + data[-2:]
            corpus.add(form, "bombs", bomb, "unsupported")
            frame = bomb.index(b"\xff\xc2")
            bomb = patched(bomb, frame + 5, struct.pack(">HH", 14_142, 14_142))
            corpus.add(form, "bombs", bomb, "unsupported")
        bomb = patched(data, data.index(b"\xff\xc2") + 5, struct.pack(">HH", 14_142, 14_142))
        corpus.add(form, "bombs", bomb, "any")
    if form in ("avif", "heic"):
        # Coded pictures larger or smaller than declared in the boxes, and a grid that repeats one tile.
        for number in range(CASES):
            data = seeds(form)[number % len(SEEDS[form])]
            extent = data.index(b"ispe") + 8
            sides = struct.pack(">II", 1 + number * 37 % 500, 1 + number * 91 % 9000)
            corpus.add(form, "bombs", patched(data, extent, sides), "damaged,unsupported,indexed")
        data = (FIXTURES / f"grid.{form}").read_bytes()
        grid = data.index(b"mdat") + 4
        for rows, columns in ((255, 255), (0, 255), (255, 0), (1, 1)):
            lie = struct.pack(">BBHH", rows, columns, 14_142, 14_142)
            corpus.add(form, "bombs", patched(data, grid + 2, lie), "damaged,too many pixels")
    if form == "gif":
        data = seeds(form)[0]
        corpus.add(form, "bombs", data[:-1] + data[data.index(b",") : -1] * 20_000 + b";", "any")
    if form == "tiff":
        # A directory that is its own successor, one below itself, and strips that are all the same.
        corpus.add(form, "bombs", patched(tiff(4, 4), 8 + 2 + 9 * 12, struct.pack("<I", 8)), "any")
        corpus.add(form, "bombs", tiff(4, 4, _330=8), "any")
        corpus.add(form, "bombs", tiff(14_142, 14_142, _278=1), "any")
        corpus.add(form, "bombs", tiff(4, 4, _279=0xFFFFFFFF), "any")
    if form == "raw":
        # Many beginnings of JPEGs, each of which claims to be the largest.
        start = (FIXTURES / "420.jpg").read_bytes()
        start = huge("jpeg", 14_142)[: start.index(b"\xff\xda")]
        corpus.add(form, "bombs", b"FUJIFILMCCD-RAW " + start * 20_000, "truncated")
        corpus.add(form, "bombs", b"IIRO\x08\0\0\0" + b"\xff\xd8\xff" * 2_000_000, "any")


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    corpus, chance = Corpus(folder), random.Random(2026)
    for form in SEEDS:
        truncated(corpus, form)
        flipped(corpus, form, chance)
        lies(corpus, form, chance)
        bombs(corpus, form)
        others(corpus, form)
        zeros(corpus, form)
    (folder / "cases.tsv").write_text("\n".join(corpus.lines) + "\n")


if __name__ == "__main__":
    main()
