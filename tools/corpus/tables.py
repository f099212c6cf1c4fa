"""Makes a corpus of hostile tables: python3 tables.py DIR

Needs only Python, and is deterministic. Parquet files derive from those of the dataset crate's tests.
Writes into DIR the tables, the pictures that they name, and cases.tsv: file, format, kind, and the
expected outcome in the words of the dataset crate's example `tables`: records, then problems by
their reason, or the error. `any` is for files that may still be a table.
"""

import random
import struct
import sys
from pathlib import Path

PARQUET = Path(__file__).resolve().parents[2] / "crates/dataset/tests/data"
CASES = 40
PICTURES = ["dog.jpg", "cat.jpg"]
MEGABYTE = 1 << 20


class Corpus:
    def __init__(self, folder):
        self.folder, self.lines = folder, []

    def add(self, form, kind, data, expected):
        name = f"{form}/{kind}-{len(self.lines):05}.{form}"
        path = self.folder / name
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            for picture in PICTURES:
                (path.parent / picture).write_bytes(b"\xff\xd8\xff")
        path.write_bytes(data)
        self.lines.append(f"{name}\t{form}\t{kind}\t{expected}")


def rows(separator, *cells, ending=b"\n"):
    return b"".join(separator.join(row) + ending for row in cells)


def delimited(corpus, form, separator):
    """Text in columns. The good row comes first or last for even or odd case numbers."""
    header, dog, cat = [b"path", b"caption", b"year"], b"dog.jpg", b"cat.jpg"
    good = [dog, b"a dog", b"2019"]

    def table(kind, bad, expected, number, header=header):
        both = [good, *bad] if number % 2 == 0 else [*bad, good]
        corpus.add(form, kind, rows(separator, header, *both), expected)

    broken = [b"\xff", b"a \xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"caf\xe9", b"\xc0\xaf"]
    for number in range(CASES):
        bad = [cat, broken[number % 6] * (1 + number), b"2020"]
        table("utf8", [bad], "1 record, 1 cell is not UTF-8", number)

        names = [b"photo%d" % (number + place) for place in range(3)]
        table("columns", [], "no path column", number, names)

        count = number + 1 + (number + 1 >= 3)
        table("unequal", [[cat] + [b"x"] * (count - 1)] * 2, "1 record, 2 unequal row length", number)

        long = [cat, bytes([97 + number % 26]) * (MEGABYTE + number), b"2020"]
        table("megabyte", [long], "2 records", number)

        text = rows(separator, header, good, [cat, b"a cat" * number, b"2020"])
        mark = "utf-16-le" if number % 4 == 1 else "utf-16-be"
        wide = text.decode().encode(mark)
        if number % 2:
            corpus.add(form, "marks", (b"\xff\xfe" if number % 4 == 1 else b"\xfe\xff") + wide, "UTF-16")
        else:
            corpus.add(form, "marks", b"\xef\xbb\xbf" + text, "2 records")

        nul = b"\0" * (1 + number)
        if number % 4 < 2:
            table("nul", [[cat, b"a" + nul, b"2020"]], "2 records", number)
        else:
            table("nul", [[cat + nul, b"a cat", b"2020"]], "1 record, 1 no such file", number)

        open_quote = rows(separator, header, good) + separator.join([cat, b'"a cat', b"2020"])
        # In TSV, a quotation mark is an ordinary character.
        lines = f", {number} unequal row length" if number else ""
        expected = "2 records" + lines if form == "tsv" else "1 record, 1 open quote"
        corpus.add(form, "quotes", open_quote + b"\nx" * number, expected)

        table("lines", [[cat, b'"a cat' + b"\nx" * number + b'"', b"2020"]], "2 records", number)

        ending = [b"\n", b"\r\n", b"\r"][number % 3]
        text = rows(separator, header, good, [cat, b"a cat", b"%d" % number], ending=ending)
        corpus.add(form, "endings", text + ending * (number % 5), "2 records")

        twice = [b"path", b"caption"] + [b"caption", b"year", b"", b"path"][number % 4 :] * 2
        bad = [[picture] + [b"x"] * (len(twice) - 1) for picture in (dog, cat)]
        corpus.add(form, "headers", rows(separator, twice, *bad), "repeated column")

        empty = [b"", b"\n" * number, b" " * number, b"\xef\xbb\xbf" + b"\r\n" * number][number % 4]
        if number % 5 == 4:
            corpus.add(form, "empty", rows(separator, header) + b"\n" * number, "0 records")
        else:
            corpus.add(form, "empty", empty, "no path column" if empty else "empty")


def json_lines(corpus):
    form, good = "jsonl", b'{"path": "dog.jpg", "caption": "a dog"}\n'

    def table(kind, bad, expected, number):
        corpus.add(form, kind, good + bad if number % 2 == 0 else bad + good, expected)

    broken = [b"\xff", b"a \xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"caf\xe9", b"\xc0\xaf"]
    for number in range(CASES):
        wrong = "1 record, 1 not valid JSON"
        bad = b'{"path": "cat.jpg", "caption": "' + broken[number % 6] * (1 + number) + b'"}\n'
        table("utf8", bad, wrong, number)
        table("columns", b'{"photo%d": "cat.jpg"}\n' % number, "1 record, 1 no path", number)
        long = b'{"path": "cat.jpg", "caption": "' + b"a" * (MEGABYTE + number) + b'"}\n'
        table("megabyte", long, "2 records", number)
        text = good + b'{"path": "cat.jpg", "year": %d}\n' % number
        if number % 2:
            wide = text.decode().encode("utf-16-le" if number % 4 == 1 else "utf-16-be")
            corpus.add(form, "marks", (b"\xff\xfe" if number % 4 == 1 else b"\xfe\xff") + wide, "UTF-16")
        else:
            corpus.add(form, "marks", b"\xef\xbb\xbf" + text, "2 records")
        table("nul", b'{"path": "cat.jpg"%s}\n' % (b"\0" * (1 + number)), wrong, number)
        table("quotes", b'{"path": "cat.jpg%s\n' % (b"x" * number), wrong, number)
        ending = [b"\n", b"\r\n"][number % 2]
        text = (good + b'{"path": "cat.jpg", "year": %d}\n' % number).replace(b"\n", ending)
        corpus.add(form, "endings", text + ending * (number % 5), "2 records")
        twice = b'{"path": "dog.jpg", "path": "cat.jpg"%s}\n' % (b', "year": 1' * number)
        table("headers", twice, "1 record, 1 repeated key", number)
        deep = [b"[", b'{"path":', b'{"path": "cat.jpg", "x": ' + b"[" * 9][number % 3] * (100 << number % 12)
        table("depth", deep + b"\n", wrong, number)
        others = [b"3", b"null", b'"cat.jpg"', b"[]", b"true"][number % 5]
        table("others", others + b" " * number + b"\n", "1 record, 1 not a JSON object", number)
        numbers = [b"1e999", b"-1e999", b"1" * 400, b"0." + b"1" * 400][number % 4]
        table("numbers", b'{"path": "cat.jpg", "x": %s}\n' % numbers, "any", number)
        blank = [b"", b"\n", b"\r\n", b" \n"][number % 4] * number
        corpus.add(form, "empty", blank, "0 records" if blank else "empty")


def parquet(corpus, chance):
    form = "parquet"
    names = ["typed-none", "typed-snappy", "typed-zstd", "typed-gzip", "typed-lz4", "typed-v2", "listed"]
    tables = [(PARQUET / f"{name}.parquet").read_bytes() for name in names]
    extremes = [0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 24, 1 << 16]
    for number in range(CASES):
        data = tables[number % len(tables)]
        length = len(data) * number // CASES
        corpus.add(form, "truncated", data[:length], "Parquet" if length else "empty")
        # The footer's length, before the four letters at the end.
        lie = struct.pack("<I", (extremes[number % 8] + number // 8) & 0xFFFFFFFF)
        corpus.add(form, "footers", data[:-8] + lie + data[-4:], "any")
        zeros = b"PAR1"[: number % 5] + bytes(number * number)
        corpus.add(form, "empty", zeros, "Parquet" if zeros else "empty")
        corpus.add(form, "extension", [b"path\ndog.jpg\n", b'{"path": "dog.jpg"}\n'][number % 2] * (number + 1), "Parquet")
    for number in range(CASES * 4):
        data = bytearray(tables[number % len(tables)])
        footer = struct.unpack("<I", data[-8:-4])[0]
        for _ in range(1 + number % 5):
            # Half of the changes are in the footer, which locates everything else.
            start = len(data) - 8 - footer if number % 2 else 0
            data[chance.randrange(start, len(data))] ^= 1 << chance.randrange(8)
        corpus.add(form, "bits", bytes(data), "any")
    for number in range(CASES * 2):
        data = bytearray(tables[number % len(tables)])
        footer = struct.unpack("<I", data[-8:-4])[0]
        place = chance.randrange(len(data) - 8 - footer, len(data) - 12)
        # A long number in Thrift's compact form.
        data[place : place + 5] = b"\xff\xff\xff\xff\x0f"
        corpus.add(form, "lies", bytes(data), "any")


def main():
    folder = Path(sys.argv[1])
    corpus = Corpus(folder)
    delimited(corpus, "csv", b",")
    delimited(corpus, "tsv", b"\t")
    json_lines(corpus)
    parquet(corpus, random.Random(2026))
    (folder / "cases.tsv").write_text("\n".join(corpus.lines) + "\n")


if __name__ == "__main__":
    main()
