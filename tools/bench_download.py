#!/usr/bin/env python3
"""Compares `clipseek download` with img2dataset on one list of URLs, one after the other.

    just bench download [--pictures FOLDER] [--count 10000] [--concurrency 128] [--repeat 2]
    just bench download --synthetic 3300000

The first command fetches a list of COUNT URLs from a server on the loopback interface. 20 % are bad:
missing pages, HTML with status 200, JPEGs cut in half, empty bodies, refused connections, redirect
loops, and at most 50 that never answer. The good ones are all different: JPEGs of FOLDER (by default
1,000 generated ones of 500x375) with a numbered comment. Both programs get the same concurrency,
timeout and number of attempts, and keep the bytes unchanged.

- `bytes`: img2dataset without re-encoding, which is its fastest setting: it does not look at pictures
  and keeps everything with a good status. With one process and with two.
- `decoded`: img2dataset decodes each picture, as clipseek does, and keeps the bytes of those that
  OpenCV reads.

`kept` is the number of successes that the program reports. `right` is the number of files that equal
a good picture of the list byte for byte; rates count only these. Times are of the whole process;
`fetching` is the time that the program itself reports, without its start. The server shares the cores
with the programs, so the benchmark prints how much of them each used, and how fast the server is by
itself. FOLDER needs about 4 GB.

The second command makes a list of that many rows, each with its own URL, of which 10 % are missing
and the others a tiny picture, and tests it with --check-only. It shows the rate, and that memory does
not grow with the list.
"""

import argparse
import asyncio
import hashlib
import io
import json
import multiprocessing
import os
import random
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

PICTURES = 1_000
SILENT = 50
# The other bad URLs, in 20ths.
BAD = {"missing": 7, "html": 4, "cut": 3, "empty": 2, "refused": 2, "circle": 2}
# A program that takes longer hangs.
LONGEST_RUN = 3_600
HTML = b"<!doctype html><title>Moved</title><p>This picture is not here any more.</p>\n" * 20


def made_pictures(folder, count):
    """JPEGs of about the same size in bytes as photographs."""
    try:
        from PIL import Image
    except ImportError as error:
        sys.exit(f"error: {error}\nhint: --pictures FOLDER, or python3 -m pip install pillow")
    chance = random.Random(7)
    for number in range(count):
        layers = []
        for width, height in ((5, 4), (25, 19), (125, 94)):
            pixels = chance.randbytes(3 * width * height)
            layer = Image.frombytes("RGB", (width, height), pixels)
            layers.append(layer.resize((500, 375), Image.Resampling.BICUBIC))
        mixed = Image.blend(Image.blend(layers[0], layers[1], 0.4), layers[2], 0.25)
        mixed.save(folder / f"{number}.jpg", quality=88)


def halves(jpeg):
    """Splits a JPEG after its first segment, which names the format."""
    is_named = jpeg[2:3] == b"\xff" and 0xE0 <= jpeg[3] <= 0xEF
    end = 4 + struct.unpack(">H", jpeg[4:6])[0] if is_named else 2
    return jpeg[:end], jpeg[end:]


def parts(pictures, number):
    """The good picture with this number, unique by its comment."""
    first, rest = pictures[number % len(pictures)]
    text = b"number %d" % number
    return first + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text, rest


def tiny_picture():
    """An 8x8 PNG."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    chance = random.Random(7)
    rows = b"".join(b"\0" + chance.randbytes(24) for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def answer(status, kind, length, more=b""):
    return (
        b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\nContent-Length: %d\r\n" % length
    ) + more + b"\r\n"


class Answering(asyncio.Protocol):
    """A connection of the server. Parses only the request line and `Connection: close`."""

    def __init__(self, pictures, counters):
        self.pictures = pictures
        self.counters = counters
        self.received = b""
        self.tiny = tiny_picture()
        self.tiny = answer(b"200 OK", b"image/png", len(self.tiny)) + self.tiny
        self.missing = answer(b"404 Not Found", b"text/html", len(HTML)) + HTML

    def connection_made(self, transport):
        self.transport = transport
        self.counters[0] += 1

    def data_received(self, data):
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            request, self.received = self.received[:end], self.received[end + 4 :]
            self.counters[1] += 1
            path = request.split(b" ", 2)[1]
            _, kind, number = path.split(b"/")
            if kind == b"silent":
                continue
            self.transport.writelines(self.answers(kind, number))
            if b"\nconnection: close" in request.lower():
                self.transport.close()

    def answers(self, kind, number):
        if kind == b"tiny":
            return [self.missing if number.endswith(b"0") else self.tiny]
        if kind == b"good":
            first, rest = parts(self.pictures, int(number))
            return [answer(b"200 OK", b"image/jpeg", len(first) + len(rest)), first, rest]
        if kind == b"cut":
            first, rest = parts(self.pictures, int(number))
            rest = rest[: len(rest) // 2]
            return [answer(b"200 OK", b"image/jpeg", len(first) + len(rest)), first, rest]
        if kind == b"html":
            return [answer(b"200 OK", b"text/html", len(HTML)), HTML]
        if kind == b"empty":
            return [answer(b"200 OK", b"image/jpeg", 0)]
        if kind in (b"circle", b"back"):
            there = b"back" if kind == b"circle" else b"circle"
            to = b"Location: /" + there + b"/" + number + b"\r\n"
            return [answer(b"302 Found", b"text/html", 0, to)]
        return [self.missing]


class Server:
    """A server on the loopback interface, in its own process."""

    def __init__(self, pictures):
        context = multiprocessing.get_context("fork")
        self.counters = context.Array("Q", 2, lock=False)
        listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = listening.getsockname()[1]
        # A bound port that does not listen refuses connections.
        self.refusing = socket.socket()
        self.refusing.bind(("127.0.0.1", 0))
        arguments = (listening, pictures, self.counters)
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        listening.close()

    def url(self, kind, number):
        port = self.refusing.getsockname()[1] if kind == "refused" else self.port
        return f"http://127.0.0.1:{port}/{kind}/{number}"

    def cpu_seconds(self):
        # The fields follow the name, which may contain spaces.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.join()


def serve(listening, pictures, counters):
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(loop.create_server(lambda: Answering(pictures, counters), sock=listening))
    loop.run_forever()


class Asking(asyncio.Protocol):
    """A connection that sends one request after another and discards the responses."""

    def __init__(self, requests, ended, keeps):
        self.requests = requests
        self.ended = ended
        self.keeps = keeps

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        self.head, self.missing = b"", None
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
        else:
            self.transport.write(request)

    def data_received(self, data):
        if self.missing is None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            length = re.search(rb"Content-Length: (\d+)", self.head)
            self.missing = int(length[1]) - (len(self.head) - end - 4)
        else:
            self.missing -= len(data)
        if self.missing == 0 and self.keeps:
            self.ask()

    def connection_lost(self, _error):
        if not self.ended.done():
            self.ended.set_result(None)


def ask_for_all(port, kind, count, keeps, to):
    """Sends `count` requests on 64 connections at a time, and reports the time."""
    header = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (b"" if keeps else b"Connection: close\r\n") + b"\r\n"
    requests = (b"GET /%s/%d" % (kind, number) + header for number in range(count))
    loop = new_event_loop()
    asyncio.set_event_loop(loop)

    async def one(request):
        ended = loop.create_future()
        await loop.create_connection(lambda: Asking(request, ended, keeps), "127.0.0.1", port)
        await ended

    async def one_after_the_other():
        if keeps:
            return await one(requests)
        for request in requests:
            await one(iter([request]))

    async def all_at_once():
        await asyncio.gather(*(one_after_the_other() for _ in range(64)))

    start = time.perf_counter()
    loop.run_until_complete(all_at_once())
    to.send(time.perf_counter() - start)


def measure_server(server, kind, count, keeps):
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()
    before = server.cpu_seconds()
    process = context.Process(target=ask_for_all, args=(server.port, kind, count, keeps, theirs))
    process.start()
    took = mine.recv()
    process.join()
    cpu = server.cpu_seconds() - before
    how = "connections kept" if keeps else "a connection each"
    print(
        f"server alone, {how}: {count / took:.0f} requests/s, {1e6 * cpu / count:.0f} us of a core each",
        flush=True,
    )


class Ran:
    """A finished program: its time, CPU usage and memory."""

    def __init__(self, command, server, folder):
        # Write back the data of earlier runs first.
        os.sync()
        counters, server_cpu = list(server.counters), server.cpu_seconds()
        # img2dataset does not remove all of its temporary files.
        environment = {**os.environ, "TMPDIR": str(folder)}
        with tempfile.TemporaryFile("w+") as output:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
            self.memory = self.written = 0
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                self.memory = figure(process.pid, "status", "VmHWM") or self.memory
                self.written = figure(process.pid, "io", "write_bytes") or self.written
                if time.perf_counter() - start > LONGEST_RUN:
                    process.kill()
                time.sleep(0.02)
            self.seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            self.output = output.read()
        self.code = process.returncode
        self.cpu = usage.ru_utime + usage.ru_stime
        self.server_cpu = server.cpu_seconds() - server_cpu
        self.connections, self.requests = (
            after - before for after, before in zip(server.counters, counters)
        )

    def use(self):
        """CPU time of the program and the server, and the requests."""
        return (
            f"{self.cpu:.1f} s of a core, server {self.server_cpu:.1f} s; "
            f"{self.requests} requests on {self.connections} connections"
        )


def figure(pid, file, name):
    """The kernel's figures for a running process. Those after its end include the parent's memory."""
    try:
        found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1]) if found else 0


def kinds(count):
    """The kind of each URL in the list, in a fixed random order."""
    bad = count // 5
    silent = min(SILENT, bad // 20)
    others = []
    for kind, share in BAD.items():
        others += [kind] * ((bad - silent) * share // sum(BAD.values()))
    others += ["missing"] * (bad - silent - len(others))
    each = ["good"] * (count - bad) + others
    chance = random.Random(7)
    chance.shuffle(each)
    # No silent URL comes late, neither in the list nor in the halves that two processes get:
    # waiting for the last one with nothing else to do is not what this benchmark measures.
    early = [*range(count // 4), *range(count // 2, count * 3 // 4)]
    for position in sorted(chance.sample(early, silent)):
        each.insert(position, "silent")
    return each


def write_list(path, urls, named):
    with path.open("w") as file:
        if named:
            file.write("caption\turl\n")
        for number, url in enumerate(urls):
            file.write(f"picture number {number}\t{url}\n")


def clipseek(arguments, table, to):
    most, limit = str(arguments.concurrency), str(arguments.timeout)
    command = [arguments.clipseek, "download", table, "--to", to]
    command += ["--allow-private", "--concurrency", most, "--per-host", most]
    command += ["--timeout", limit, "--connect-timeout", limit, "--stall-timeout", limit]
    return command + ["--retries", str(arguments.retries)]


def img2dataset(arguments, table, to, processes, decoded):
    program = Path(sys.executable).parent / "img2dataset"
    # Each process has one shard at a time, and its share of the concurrency.
    command = [program, "--url_list", table, "--output_folder", to]
    command += ["--input_format", "tsv", "--url_col", "url", "--caption_col", "caption"]
    command += ["--output_format", "files", "--resize_mode", "no", "--extract_exif", "False"]
    command += ["--processes_count", processes, "--thread_count", arguments.concurrency // processes]
    command += ["--number_sample_per_shard", -(-arguments.count // processes)]
    command += ["--timeout", arguments.timeout, "--retries", arguments.retries]
    command += ["--skip_reencode" if decoded else "--disable_all_reencoding", "True"]
    return [str(part) for part in command]


def clipseek_counts(ran, to):
    """The program's number of pictures, its own time, and the files."""
    found = re.search(r"(\d+) pictures? in \d+ rows?: \d+ URLs in ([\d.]+) s", ran.output)
    if not found:
        sys.exit(f"error: clipseek exited with {ran.code}:\n{ran.output}")
    files = (file for file in (to / "images").rglob("*") if file.is_file())
    return int(found[1]), float(found[2]), files


def img2dataset_counts(ran, to):
    shards = [json.loads(file.read_text()) for file in to.glob("*_stats.json")]
    if not shards or ran.code:
        sys.exit(f"error: img2dataset exited with {ran.code}:\n{ran.output}")
    own = max(it["end_time"] for it in shards) - min(it["start_time"] for it in shards)
    return sum(it["successes"] for it in shards), own, to.glob("*/*.jpg")


def opens(content):
    try:
        from PIL import Image

        Image.open(io.BytesIO(content)).load()
    except Exception:
        return False
    return True


def one_run(name, command, counts, server, folder, right):
    # Remove all folders only at the end: for a minute after deleting many files, ext4 is slow to create
    # new ones.
    to = Path(tempfile.mkdtemp(dir=folder))
    ran = Ran(command(to), server, folder)
    kept, own, files = counts(ran, to)
    found, others, opened = set(), 0, 0
    for file in files:
        content = file.read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest in right:
            found.add(digest)
        else:
            others += 1
            opened += opens(content)
    rate, own_rate = len(found) / ran.seconds, len(found) / own
    print(
        f"{name:32} {kept} kept, {len(found)} right, {others} not ({opened} of them open); "
        f"{ran.seconds:.1f} s, {rate:.0f} pictures/s; fetching {own:.1f} s, {own_rate:.0f}/s; "
        f"{ran.use()}; {ran.memory >> 10} MiB",
        flush=True,
    )
    return rate, own_rate, len(found)


def compare(arguments, folder):
    if not arguments.pictures:
        (folder / "pictures").mkdir()
        made_pictures(folder / "pictures", min(PICTURES, arguments.count))
    files = sorted((arguments.pictures or folder / "pictures").rglob("*.jp*g"))
    pictures = [halves(file.read_bytes()) for file in files]
    if not pictures:
        sys.exit(f"error: {arguments.pictures} contains no JPEG")
    each = kinds(arguments.count)
    digests = (hashlib.sha256(b"".join(parts(pictures, n))).digest() for n, it in enumerate(each) if it == "good")
    right = set(digests)
    size = sum(len(first) + len(rest) for first, rest in pictures) / len(pictures)
    print(f"{arguments.count} URLs: " + ", ".join(f"{each.count(kind)} {kind}" for kind in sorted(set(each))))
    print(f"pictures: {len(pictures)} of {size / 1024:.0f} KiB on average, {len(right)} different ones by their comments")
    print(f"{arguments.concurrency} requests in flight, timeout {arguments.timeout} s, {arguments.retries} retries")
    print(f"{os.cpu_count()} cores, shared with the server; load {os.getloadavg()[0]:.1f}")

    server = Server(pictures)
    try:
        for keeps in (True, False):
            measure_server(server, b"good", arguments.count, keeps)
        table = folder / "list.tsv"
        write_list(table, (server.url(kind, number) for number, kind in enumerate(each)), True)
        programs = {"clipseek": (lambda to: clipseek(arguments, table, to), clipseek_counts)}
        for how, processes in (("bytes", 1), ("bytes", 2), ("decoded", 2)):
            name = f"img2dataset, {how}, {processes} process{'es' * (processes > 1)}"
            options = (processes, how == "decoded")
            programs[name] = (
                lambda to, options=options: img2dataset(arguments, table, to, *options),
                img2dataset_counts,
            )
        best = dict.fromkeys(programs, (0, 0, 0))
        for _ in range(arguments.repeat):
            for name, (command, counts) in programs.items():
                figures = one_run(name, command, counts, server, folder, right)
                best[name] = [max(pair) for pair in zip(best[name], figures)]
    finally:
        server.stop()
    print("best run of each, and clipseek's rate divided by the other's:")
    for name, (rate, own_rate, found) in best.items():
        ours, ours_own, _ = best["clipseek"]
        print(
            f"{name:32} {found} right, {rate:.0f} pictures/s (x {ours / rate:.2f}), "
            f"fetching {own_rate:.0f}/s (x {ours_own / own_rate:.2f})"
        )


def check_synthetic(arguments, folder):
    print(f"{os.cpu_count()} cores, shared with the server; load {os.getloadavg()[0]:.1f}")
    server = Server([])
    try:
        measure_server(server, b"tiny", 50_000, True)
        table = folder / "list.tsv"
        write_list(table, (server.url("tiny", number) for number in range(arguments.synthetic)), False)
        print(f"{arguments.synthetic} rows, a list of {table.stat().st_size >> 20} MiB", flush=True)
        ran = Ran([*clipseek(arguments, table, folder / "to"), "--check-only"], server, folder)
    finally:
        server.stop()
    print(ran.output.rstrip())
    rate = arguments.synthetic / ran.seconds
    print(f"{ran.seconds:.1f} s, {rate:.0f} URLs/s, with list and manifest; {ran.use()}")
    print(f"peak memory {ran.memory >> 10} MiB; written {ran.written >> 20} MiB")
    for name in ("journal.sqlite3", "manifest.parquet"):
        size = (folder / "to" / name).stat().st_size
        print(f"{name}: {size / 2**20:.1f} MiB, {size / arguments.synthetic:.1f} bytes a row")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clipseek", help="the binary")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="JPEGs to serve; generated by default")
    parser.add_argument("--count", type=int, default=10_000, help="number of URLs in the list")
    parser.add_argument("--concurrency", type=int, help="requests in flight; 128 by default, 256 with --synthetic")
    parser.add_argument("--timeout", type=int, default=5, help="timeout in seconds")
    parser.add_argument("--retries", type=int, default=0, help="attempts after the first")
    parser.add_argument("--repeat", type=int, default=2, help="runs of each program")
    parser.add_argument("--synthetic", type=int, metavar="ROWS", help="check a list of this many URLs instead")
    parser.add_argument("--folder", type=Path, help="working folder; temporary by default")
    arguments = parser.parse_args()
    arguments.concurrency = arguments.concurrency or (256 if arguments.synthetic else 128)
    # Both the server and the client need many open connections.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if not arguments.synthetic and not (Path(sys.executable).parent / "img2dataset").exists():
        sys.exit("error: img2dataset is not installed\nhint: python3 -m pip install img2dataset, in a virtual environment")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        (check_synthetic if arguments.synthetic else compare)(arguments, Path(folder))


if __name__ == "__main__":
    main()
