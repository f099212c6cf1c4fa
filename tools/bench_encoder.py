"""Compares the encoder with ONNX Runtime and OpenVINO on a random ViT-B/32 and on the bundled model.

`just bench encoder`, or `python3 tools/bench_encoder.py PROGRAM [--rounds N] [--model vit|mini]`, where PROGRAM is the
example `throughput` of the crate `clip`. The other libraries are in tools/fixtures/clip/encoder.txt. All use two threads
and take turns; medians are reported.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

import mini_graph
from random_clip import CONTEXT, IMAGE, weights, write_checkpoint, write_empty_tokenizer
from vit_graph import text_graph, vision_graph

THREADS = 2
# Seconds of rest before each turn, and timed calls in a turn.
REST, BURST = 0.3, 4
MINI = Path(__file__).resolve().parents[1] / "models/mini"


def ids_of(count, tokens, length, ends=(49406, 49407)):
    """The texts of the example, padded to `length`."""
    ids = np.full((count, length), ends[1], np.int64)
    for text in range(count):
        ids[text, :tokens] = [ends[0], *(320 + 7 * place + 131 * text for place in range(tokens - 2)), ends[1]]
    return ids


class Noise:
    """Pictures for static quantisation. Only speed matters here."""

    def __init__(self):
        random = np.random.default_rng(1)
        pictures = random.standard_normal((4, 1, 3, IMAGE, IMAGE), np.float32)
        self.pictures = iter({"pixels": pixels} for pixels in pictures)

    def get_next(self):
        return next(self.pictures, None)


class OnnxRuntime:
    def __init__(self, paths, threads=THREADS):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        open_session = lambda path: onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        self.sessions = [path and open_session(path) for path in paths]

    def reads(self):
        return self.sessions[1] is not None

    def __call__(self, tower, value):
        return self.sessions[tower].run(None, {("pixels", "ids")[tower]: value})[0]


class OpenVino:
    def __init__(self, paths, precision):
        import openvino

        core = openvino.Core()
        settings = {
            "INFERENCE_NUM_THREADS": THREADS,
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self.models = [core.compile_model(str(path), "CPU", settings) for path in paths]

    def reads(self):
        return True

    def __call__(self, tower, value):
        return self.models[tower]([value])[0]


class Clipseek:
    def __init__(self, program, directory, precision):
        environment = {**os.environ, "RAYON_NUM_THREADS": str(THREADS)}
        self.precision = precision
        self.process = subprocess.Popen(
            [program, directory, "--asked"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, question):
        self.process.stdin.write(f"{self.precision} {question}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"the program exited at `{question}`")
        return answer


def cosine(one, other):
    one, other = np.asarray(one, np.float64).ravel(), np.asarray(other, np.float64).ravel()
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    field = lambda name: next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "?")
    sets = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    return f"{field('model name')}, {os.cpu_count()} cores, " + " ".join(
        name for name in sets if name in field("flags").split()
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--without-openvino", action="store_true")
    parser.add_argument("--model", choices=("vit", "mini"), help="only one of the two models")
    arguments = parser.parse_args()
    print(machine())
    if arguments.model != "mini":
        with tempfile.TemporaryDirectory() as folder:
            measure_vit(Path(folder), arguments)
    if arguments.model != "vit":
        with tempfile.TemporaryDirectory() as folder:
            measure_mini(Path(folder), arguments)


def measure_vit(folder, arguments):
    """The other libraries get texts padded to the context length, as most users run them."""
    print("\nViT-B/32, random weights")
    tensors = weights(np.random.default_rng(7))
    write_checkpoint(folder, tensors)
    write_empty_tokenizer(folder)
    paths = [folder / "vision.onnx", folder / "text.onnx"]
    vision_graph(tensors, paths[0])
    text_graph(tensors, paths[1])
    del tensors
    texts = [("a query of 7 tokens", ids_of(1, 7, 7), "texts 1 7"),
             ("32 captions of 14 tokens, padded", ids_of(32, 14, CONTEXT), "texts 32 14")]
    measure(folder, folder, paths, {"ort int8": dynamic(folder, paths, None)}, texts, arguments)


def measure_mini(folder, arguments):
    """ONNX Runtime is fast at int8 convolutions only with static quantisation, which provides the scales of activations
    (`ort qdq`). Dynamic quantisation leaves them in f32 here, because ConvInteger is several times slower. All texts have
    the same length, so nothing is padded.
    """
    print("\nmini")
    paths = [folder / "vision.onnx", folder / "text.onnx"]
    mini_graph.write(MINI, *paths)
    small = {"ort int8": dynamic(folder, paths, ["MatMul"]), "ort qdq": [static(folder, paths[0]), None]}
    ends = mini_graph.ends(MINI)
    texts = [("a query of 7 tokens", ids_of(1, 7, 7, ends), "texts 1 7"),
             ("32 captions of 14 tokens", ids_of(32, 14, 14, ends), "texts 32 14")]
    measure(folder, MINI, paths, small, texts, arguments)


def dynamic(folder, paths, operators):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = [folder / f"{path.stem}.int8.onnx" for path in paths]
    for path, quantised in zip(paths, small):
        quantize_dynamic(path, quantised, operators, weight_type=QuantType.QInt8, per_channel=True)
    return small


def static(folder, path):
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, quantised = folder / "prepared.onnx", folder / f"{path.stem}.qdq.onnx"
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    quantize_static(prepared, quantised, Noise(), per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    return quantised


def measure(folder, checkpoint, paths, small, texts, arguments):
    """Compares `checkpoint` in each precision with the other libraries, whose graphs are at `paths` and `small`."""
    peers = {"ort f32": OnnxRuntime(paths)} | {name: OnnxRuntime(paths) for name, paths in small.items()}
    if not arguments.without_openvino:
        peers |= {"openvino f32": OpenVino(paths, "f32"), "openvino bf16": OpenVino(paths, "bf16")}
    ours = {name: Clipseek(arguments.program, checkpoint, name) for name in ("f32", "bf16", "int8")}
    pixels = np.sin(np.arange(3 * IMAGE * IMAGE, dtype=np.float32) * np.float32(0.1))
    pixels = pixels.reshape(1, 3, IMAGE, IMAGE)
    fidelity(folder, peers, ours, np.random.default_rng(8))
    for batch in (1, 8, 32):
        value = np.repeat(pixels, batch, 0)
        compare(f"pictures, {batch} at once", batch, arguments.rounds, peers, ours, 0, value, f"pictures {batch}")
    peers = {name: peer for name, peer in peers.items() if peer.reads()}
    for title, ids, question in texts:
        count = len(ids)
        rounds = 3 * arguments.rounds if count == 1 else arguments.rounds
        compare(title, count, rounds, peers, ours, 1, ids, question)
    for encoder in ours.values():
        encoder.process.stdin.close()
        encoder.process.wait()


def fidelity(folder, peers, ours, random):
    """The lowest cosine to ONNX Runtime's f32 over pictures of noise."""
    lowest = {}
    for _ in range(8):
        pixels = random.standard_normal((1, 3, IMAGE, IMAGE), np.float32)
        (folder / "pixels").write_bytes(pixels.tobytes())
        expected = peers["ort f32"](0, pixels)
        for name, peer in peers.items():
            lowest[name] = min(lowest.get(name, 1), cosine(expected, peer(0, pixels)))
        for name, encoder in ours.items():
            vector = json.loads(encoder.ask(f"vector {folder / 'pixels'}"))
            lowest[name] = min(lowest.get(name, 1), cosine(expected, vector))
    print("lowest cosine to ort f32: " + ", ".join(f"{name} {value:.7f}" for name, value in lowest.items()))


def compare(title, count, rounds, peers, ours, tower, value, question):
    """Takes turns; the first one changes from round to round. Each turn starts with a rest, in which the previous program's
    threads fall asleep, and an untimed call. The timed calls follow without a pause, as in indexing.
    """

    def timed(peer):
        start = time.perf_counter()
        peer(tower, value)
        return time.perf_counter() - start

    calls = [(name, lambda peer=peer: timed(peer)) for name, peer in peers.items()]
    calls += [(name, lambda encoder=encoder: float(encoder.ask(question))) for name, encoder in ours.items()]
    times = {name: [] for name, _ in calls}
    for number in range(rounds):
        first = number % len(calls)
        for name, call in calls[first:] + calls[:first]:
            time.sleep(REST)
            call()
            times[name] += [call() for _ in range(BURST)]
    median = {name: statistics.median(all) for name, all in times.items()}
    print(f"\n{title}: rate a second, and relative to each other library")
    for name in peers:
        print(f"  {name:14} {count / median[name]:7.1f}")
    for name in ours:
        parts = ", ".join(f"{median[peer] / median[name]:.2f} of {peer}" for peer in peers)
        print(f"  {name:14} {count / median[name]:7.1f}   {parts}")


if __name__ == "__main__":
    main()
