"""Ranking the companions of all samples of CMU-MOSEI: time and memory, in blocks and at once.

The companions of 16,326 samples are found from vectors of three times 128. Each way is measured in
a process of its own.

    python benchmarks/dahb_ranking.py
"""

import argparse
import json
import sys
import time

import measure
import numpy as np

SAMPLES, VECTOR = 16_326, 3 * 128
MOST_MEGABYTES = 500

COLUMNS = {
    "ranking": ("ranking", ""),
    "samples": ("samples", ",d"),
    "seconds": ("seconds", ".1f"),
    "megabytes": ("peak above the vectors, MB", ",.0f"),
    "goal": ("goal", ""),
}


def measure_here(ranking):
    """Rank in this process and print what it took as JSON."""
    from kerasfuse.datasets.batching import similar_samples as module

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(SAMPLES, VECTOR)).astype("float32")
    classes = np.round(np.clip(rng.normal(size=SAMPLES), -3, 3))
    if ranking == "all at once":
        module._BLOCK = SAMPLES**2
    module.similar_samples(vectors[:100], classes[:100])  # loads what numpy loads on first use
    meter = measure.PeakMemory("cpu")
    start = time.perf_counter()
    module.similar_samples(vectors, classes)
    json.dump(
        {
            "ranking": ranking,
            "samples": SAMPLES,
            "seconds": time.perf_counter() - start,
            "megabytes": meter.read() / 1e6,
        },
        sys.stdout,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        return measure_here(arguments.rank)

    from rich.console import Console
    from rich.progress import track

    rows = []
    for ranking in track(("all at once", "in blocks"), description="ranking"):
        rows.append(measure.in_new_process(__file__, "--rank", ranking))
    met = "met" if rows[-1]["megabytes"] < MOST_MEGABYTES else "missed"
    rows[-1]["goal"] = f"under {MOST_MEGABYTES}: {met}"
    measure.save("dahb_ranking", rows, COLUMNS, measure.environment("cpu", 2))
    Console().print(measure.markdown(rows, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
