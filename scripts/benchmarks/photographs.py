"""Measure trials and encoding on photographs of 12 megapixels: seconds, and peak memory.

    python scripts/benchmarks/photographs.py [--n 2000] [--rounds 2]

Writes N JPEGs (about 2.8 MB each) into a temporary folder and encodes them with the small encoder. Then it
asks the first question with `oracle=files` and runs a simulated trial, both on pixels. Prints one JSON object
for each: wall and processor seconds, and peak memory in GB.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog", "fox", "owl")
HEIGHT, WIDTH = 3000, 4000


def write(folder: Path, n: int) -> None:
    """Write n JPEGs in four classes; those of a class differ in a comment and a patch of the file."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (300, 400, 3), dtype=np.uint8))
    base = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(np.int16)
    base = np.clip(base + random.integers(-12, 13, base.shape), 0, 255).astype(np.uint8)
    for k, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        image = base.copy()
        image[500 * k : 500 * k + 700, :, k % 3] //= 3
        content = io.BytesIO()
        Image.fromarray(image).save(content, "JPEG", quality=80)
        jpeg = content.getvalue()
        for number in range(k, n, len(CLASSES)):
            comment = b"\xff\xfe\x00\x0a" + number.to_bytes(8, "big")
            (folder / name / f"IMG_{number:05}.jpg").write_bytes(jpeg[:2] + comment + jpeg[2:])


def measure(what: str, *overrides: str, module: str = "alframe") -> None:
    """Run a command in a process of its own and print what it took."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", module, *overrides], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    wall = time.perf_counter() - begun
    figures = {"wall_seconds": wall, "processor_seconds": processor, "peak_gb": used.ru_maxrss / 2**20}
    print(
        json.dumps({"command": what, **{key: round(value, 2) for key, value in figures.items()}}), flush=True
    )


def main() -> None:
    """Write the photographs and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="photographs")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of the simulated trial")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        photographs = Path(place) / "photographs"
        write(photographs, options.n)
        small = ["encoder=efficientnet_lite0", f"embeddings_dir={place}/embeddings"]
        measure("encode", "data=folder", f"data.path={photographs}", *small, module="alframe.cli.embed")
        common = [
            "data=folder",
            f"data.path={photographs}",
            "data.size=[96,96]",
            "tracker=none",
            "encoder=none",
        ]
        for k, start in enumerate(("first question, first start on this machine", "first question")):
            measure(start, *common, "oracle=files", f"hydra.run.dir={place}/asks_{k}")
        bounds = f"stopping.max_rounds={options.rounds}"
        measure("simulated", *common, bounds, "stopping.min_rounds=1", f"hydra.run.dir={place}/simulated")


if __name__ == "__main__":
    main()
