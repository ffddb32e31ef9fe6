"""Images per second of an encoder by what runs it: the table of docs/background/results/speed-cpu.md.

    python scripts/benchmarks/encoders.py [encoder=efficientnet_lite0 encoder.size=224 ...]
                                          [--runtimes torch onnxruntime openvino] [--images 64] [--rounds 7]

All runtimes are loaded in one process and take turns. The images are random, as large as the input. Images
per second of processor time depend less on other work on the machine.
"""

import argparse
import statistics
import time

import torch

from alframe.config.compose import composed
from alframe.embedding import Encoder
from alframe.embedding.prepare import normalise
from alframe.embedding.runtime import PACKAGES, make_runtime
from alframe.trial.instantiate import instantiate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("overrides", nargs="*", default=["encoder=efficientnet_lite0"])
    parser.add_argument("--runtimes", nargs="+", default=["torch", *PACKAGES])
    parser.add_argument("--images", type=int, default=64, help="images of a batch")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    node = composed(options.overrides)["encoder"]
    encoder = instantiate("encoder", {key: node[key] for key in node if key != "runtime"}, [])
    print(f"{encoder.name}, {encoder.n_features} features, input {encoder.preprocessing.size}")
    measure(encoder, torch.device(options.device), options)


def measure(encoder: Encoder, device: torch.device, options: argparse.Namespace) -> None:
    """Print a line for each runtime: seconds until it is ready, images/s, difference from the first."""
    generator = torch.Generator().manual_seed(0)
    shape = (options.images, 3, *encoder.preprocessing.size)
    pixel_B = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    input_B = normalise(pixel_B.to(device), encoder.preprocessing)
    features, runs = {}, {}
    seconds: dict[str, list[float]] = {name: [] for name in options.runtimes}
    processor = dict.fromkeys(options.runtimes, 0.0)
    for name in options.runtimes:
        begun = time.perf_counter()
        runs[name] = make_runtime(encoder, device, name)
        features[name] = runs[name](input_B).cpu()
        seconds[name].append(time.perf_counter() - begun)
    for _ in range(options.rounds):
        for name, run in runs.items():
            begun, used = time.perf_counter(), time.process_time()
            run(input_B).cpu()
            seconds[name].append(time.perf_counter() - begun)
            processor[name] += time.process_time() - used
    first = features[options.runtimes[0]]
    slowest = statistics.median(seconds[options.runtimes[0]][1:])
    for name, (start, *taken) in seconds.items():
        median = statistics.median(taken)
        apart = float(((features[name] - first).abs() / first.abs().amax(1, keepdim=True)).max())
        n = options.images
        print(
            f"{name:12} ready in {start:5.1f} s, {n / median:7.1f} images/s "
            f"({n / max(taken):.1f} to {n / min(taken):.1f}, n = {len(taken)}), "
            f"{slowest / median:5.2f} x {options.runtimes[0]}, "
            f"{n * len(taken) / processor[name]:.1f} a processor second; "
            f"at most {apart:.1e} from {options.runtimes[0]}"
        )


if __name__ == "__main__":
    main()
