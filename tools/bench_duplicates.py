"""Measures `clipseek collection duplicates` on similar documents and on versions of photographs.

    python3 tools/bench_duplicates.py CLIPSEEK FOLDER

FOLDER is the output of tools/fixtures/picture/documents.py: `documents`, all different, and `versions`, where those
with the same number belong together. Prints how many documents are wrongly reported as duplicates, and how many versions
of each kind are found: with embeddings and signatures, as in clipseek, and with embeddings only. Exits with 1 if any
document is wrongly reported.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

MODEL, THRESHOLD = "mini", 0.9


class Store:
    def __init__(self, clipseek, folder):
        self.clipseek, self.folder = clipseek, folder

    def run(self, *arguments, codes=(0,)):
        command = [self.clipseek, "--store", self.folder / "store", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.returncode in codes, ran.stderr
        return ran.stdout

    def groups(self, pictures, name):
        """The groups of a folder, as lists of names, and the cosine of each name to `original`."""
        self.run("add", pictures, "--model", MODEL, "--collection", name)
        found = self.run("collection", "duplicates", name, "--format", "json", codes=(0, 1))
        groups = json.loads(found)["groups"]
        vectors = self.folder / f"{name}.jsonl"
        self.run("collection", "export", name, "--to", vectors)
        lines = [json.loads(line) for line in vectors.read_text().splitlines()]
        values = {pathlib.Path(it["metadata"]["image"]).stem: it["values"] for it in lines}
        names = lambda group: [group["keep"], *group["duplicates"]]
        return [[pathlib.Path(it.get("path") or it["url"]).stem for it in names(group)] for group in groups], values


def cosine(one, other):
    return sum(a * b for a, b in zip(one, other))


def main():
    clipseek, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        store = Store(clipseek, scratch)
        groups, values = store.groups(folder / "documents", "documents")
        vectors = list(values.values())
        near = sum(
            any(cosine(vector, other) >= THRESHOLD for other in vectors[:n]) for n, vector in enumerate(vectors)
        )
        false = sum(len(group) - 1 for group in groups)
        print(f"{len(vectors)} different documents: {false} reported as duplicates; {near} by embeddings only")
        by_kind = collections.defaultdict(list)
        for file in sorted((folder / "versions").iterdir()):
            by_kind[file.stem.split("-", 1)[1]].append(file)
        originals = by_kind.pop("original")
        print(f"{'version':<10}{'found':>8}{'embeddings only':>18}")
        for kind, files in sorted(by_kind.items()):
            pictures = scratch / kind
            pictures.mkdir()
            for file in [*originals, *files]:
                shutil.copy(file, pictures)
            groups, values = store.groups(pictures, kind)
            numbers = [file.stem.split("-", 1)[0] for file in originals]
            pairs = [{f"{number}-original", f"{number}-{kind}"} for number in numbers]
            found = sum(any(pair <= set(group) for group in groups) for pair in pairs)
            wrong = sum(len({name.split("-")[0] for name in group}) - 1 for group in groups)
            alone = sum(cosine(*(values[name] for name in pair)) >= THRESHOLD for pair in pairs)
            share = lambda count: f"{100 * count / len(pairs):.0f} %"
            note = f"  {wrong} different pictures in one group" if wrong else ""
            print(f"{kind:<10}{share(found):>8}{share(alone):>18}{note}", flush=True)
        sys.exit(false > 0)


if __name__ == "__main__":
    main()
