"""Times `clipseek search` with words from a cold start: each query is a new process.

    python3 tools/cold_start.py CLIPSEEK [--pictures N] MODEL…

MODEL is a directory or `mini`. Adds N generated pictures with each model. Then searches in every precision with the
model's files in the system's cache, and in f32 after evicting them. Prints the median and the minimum of time, the time
of all cores, and peak memory. Memory is the resident set, which includes mapped pages of files.
"""

import argparse
import os
import pathlib
import platform
import random
import statistics
import struct
import subprocess
import tempfile
import time

WEIGHTS = (".safetensors", ".bin")
PRECISIONS = ("f32", "bf16", "int8")
SIDE = 32
WARM, COLD = 15, 5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clipseek")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--pictures", type=int, default=8000)
    arguments = parser.parse_args()
    print(f"{machine()}, {arguments.pictures} pictures")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_pictures(folder / "pictures", arguments.pictures)
        for number, model in enumerate(arguments.models):
            measure(arguments.clipseek, folder / f"store-{number}", folder / "pictures", model)


def make_pictures(folder, count):
    """Writes BMP files of noise."""
    folder.mkdir()
    noise, size = random.Random(7), 3 * SIDE * SIDE
    header = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + size, 0, 54, 40, SIDE, SIDE, 1, 24, 0, size, 0, 0, 0, 0)
    for number in range(count):
        (folder / f"{number}.bmp").write_bytes(header + noise.randbytes(size))


def measure(clipseek, store, pictures, model):
    command = [clipseek, "--store", store, "add", pictures, "--model", model, "--precision", "int8"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    runs = {precision: [] for precision in PRECISIONS}
    # Takes turns, so that other load on the machine affects all alike.
    for _ in range(WARM):
        for precision, found in runs.items():
            found.append(search(clipseek, store, precision))
    name = pathlib.Path(model).name
    for precision, found in runs.items():
        report(f"{name}, {precision}", found)
    if model != "mini":
        found = []
        for _ in range(COLD):
            evict(model)
            found.append(search(clipseek, store, "f32"))
        read, size = resident(model)
        report(f"{name}, f32, from disk", found, f", {read:.0f} of {size:.0f} MB of weights read")


def search(clipseek, store, precision):
    """Seconds, CPU seconds, and peak MB. This process must be smaller: a child's peak begins with its parent's."""
    command = [clipseek, "--store", store, "search", "a dog", "--precision", precision]
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    taken = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"the search failed with {child.returncode}")
    return taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def report(title, found, more=""):
    taken, busy, memory = zip(*found)
    times = f"median {1000 * statistics.median(taken):.0f} ms, least {1000 * min(taken):.0f} ms"
    print(f"{title}: {times}, all cores {1000 * statistics.median(busy):.0f} ms, at most {max(memory):.0f} MB{more}")


def evict(directory):
    for file in pathlib.Path(directory).iterdir():
        if file.is_file():
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident(directory):
    """The megabytes of the weights in the system's cache, and of all weights."""
    pages, size = 0, 0
    for file in pathlib.Path(directory).iterdir():
        if file.suffix in WEIGHTS:
            output = subprocess.run(["fincore", "--bytes", "--noheadings", "--output", "RES", file], check=True, stdout=subprocess.PIPE).stdout
            pages += int(output)
            size += file.stat().st_size
    return pages / 1e6, size / 1e6


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
