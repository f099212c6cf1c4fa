"""Makes a photo library, and measures clipseek on it.

    python3 tools/library.py make PHOTOGRAPHS FOLDER COUNT    needs Pillow
    python3 tools/library.py measure CLIPSEEK FOLDER

`make` uses the photographs in a folder: each is cropped, perhaps mirrored, resized and compressed again,
so that no two pictures are equal. Of 20 pictures, 16 have about 500x375 pixels, 3 have 2048x1536 and one
has 4000x3000. There are 500 in a folder.

`measure` adds the library with the bundled model to a new store. Then it measures a second run, ten more
pictures, a renamed folder, copies up to two and a half times the number, and a search in a new process.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

SIZES = [(500, 375)] * 16 + [(2048, 1536)] * 3 + [(4000, 3000)]
SEARCHES = 9


def make_one(task):
    from PIL import Image

    source, target, number = task
    if target.exists():
        return
    choice = random.Random(number)
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    kept = choice.uniform(0.8, 1.0)
    width, height = (round(side * kept) for side in picture.size)
    left, top = choice.randint(0, picture.width - width), choice.randint(0, picture.height - height)
    size = SIZES[number % len(SIZES)]
    if height > width:
        size = size[::-1]
    box = (left, top, left + width, top + height)
    picture = picture.resize(size, Image.Resampling.BICUBIC, box=box)
    if choice.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    partial = target.with_suffix(".partial")
    picture.save(partial, "JPEG", quality=choice.randint(80, 92))
    partial.rename(target)


def make(photographs, folder, count):
    sources = sorted(path for path in Path(photographs).rglob("*") if path.suffix in {".jpg", ".jpeg"})
    if not sources:
        sys.exit(f"{photographs} contains no .jpg")
    tasks = []
    for number in range(count):
        parent = Path(folder) / f"{number // 500:03}"
        parent.mkdir(parents=True, exist_ok=True)
        tasks.append((sources[number % len(sources)], parent / f"{number:06}.jpg", number))
    with ProcessPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(make_one, tasks, chunksize=16), 1):
            if done % 1000 == 0:
                print(f"{done} made", file=sys.stderr)


class Clipseek:
    def __init__(self, program, store):
        self.command = [program, "--store", store]

    def run(self, *arguments):
        """Seconds, peak memory in MiB, and standard error."""
        start = time.perf_counter()
        process = subprocess.Popen(
            [*self.command, *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            sys.exit(f"{arguments}: {said}")
        return seconds, usage.ru_maxrss / 1024, said


def line(what, seconds, memory, said=""):
    last = said.strip().splitlines()[-1] if said.strip() else ""
    print(f"{what:<34} {seconds:9.3f} s {memory:7.0f} MiB  {last}", flush=True)


def measure(program, folder):
    folder = Path(folder).resolve()
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        clipseek = Clipseek(program, f"{work}/store")
        report = Path(work) / "report.json"
        seconds, memory, said = clipseek.run("add", folder, "--model", "mini", "--report", report)
        count = json.loads(report.read_text())["added"]
        summary = next(text for text in said.splitlines() if text.startswith("added"))
        line("add, the first time", seconds, memory, summary)
        print(f"{'':<34} {count / seconds:9.1f} pictures/s")
        for step, spent in json.loads(report.read_text())["seconds"].items():
            print(f"{'  ' + step:<34} {spent:9.1f} s")
        searches(clipseek, f"search, {count} pictures")
        line("add, nothing changed", *clipseek.run("add", folder))

        ten = folder / "ten"
        ten.mkdir()
        for number, source in enumerate(sorted(folder.glob("000/*.jpg"))[:10]):
            (ten / f"{number}.jpg").write_bytes(source.read_bytes() + b"another file")
        line("add, ten more", *clipseek.run("add", folder))
        shutil.rmtree(ten)
        line("add, ten deleted", *clipseek.run("add", folder, "--prune"))

        first, renamed = folder / "000", folder / "renamed"
        first.rename(renamed)
        line("add, a folder of 500 renamed", *clipseek.run("add", folder))
        renamed.rename(first)
        line("add, renamed back", *clipseek.run("add", folder))

        copies = Path(work) / "copies"
        for number in range(count * 3 // 2):
            source = folder / f"{number % count // 500:03}" / f"{number % count:06}.jpg"
            target = copies / f"{number // count}" / source.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source, target)
        line(f"add, {count * 3 // 2} copies of them", *clipseek.run("add", copies))
        total = count * 5 // 2
        line(f"add, {total} unchanged", *clipseek.run("add", folder, copies))
        searches(clipseek, f"search, {total} pictures")
        line("collection check", *clipseek.run("collection", "check"))


def searches(clipseek, what):
    runs = [clipseek.run("search", "a dog on the beach") for _ in range(SEARCHES)]
    line(f"{what}, median of {SEARCHES}", statistics.median(run[0] for run in runs), max(run[1] for run in runs))


def main():
    match sys.argv[1:]:
        case ["make", photographs, folder, count]:
            make(photographs, folder, int(count))
        case ["measure", program, folder]:
            measure(program, folder)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
