"""What compilation costs and brings: programs of `torch.compile` beside plain steps, jax's on disk.

With PyTorch, training steps with `jit_compile=True` beside steps without, at toy shapes, where most
of a step is the calling of operations, and at typical ones; the first step, which makes the
program, is timed alone. With jax, the first step of a process that finds nothing on disk, and of
one that finds what the first has kept. Every row is measured in processes of its own.

    python benchmarks/compilation.py                          # ten minutes a model and length
    KERAS_BACKEND=jax python benchmarks/compilation.py
"""

import argparse
import json
import os
import tempfile
import time

import measure

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ["OMP_NUM_THREADS"] = "1"

CASES = (("MulT", "toy", 2), ("LMF", "typical", 64), ("MulT", "typical", 64))
LONGEST = 20
STEPS = 5
COLUMNS = {
    "model": ("model", ""),
    "lengths": ("lengths", ""),
    "batch": ("batch", "d"),
    "first": ("first step, s", ",.1f"),
    "again": ("first step of the next process, s", ",.1f"),
    "step": ("step, ms", ",.0f"),
    "plain": ("step without, ms", ",.0f"),
    "speedup": ("speed-up", ".2f"),
    "goal": ("goal", ""),
}


def work(model, lengths, batch, compiles):
    """Time the first step of this process, and steps after it."""
    import keras
    import workloads

    made, draw = workloads.make(model, batch, lengths)
    made.compile(made.optimizer, "mae", jit_compile=compiles)
    samples = draw()
    begin = time.perf_counter()
    made.train_on_batch(*samples)
    first = time.perf_counter() - begin
    step = measure.milliseconds(lambda: made.train_on_batch(*samples), STEPS)
    assert keras.ops.isfinite(made.train_on_batch(*samples))
    return {"first": first, "step": step}


def row(model, lengths, batch, backend):
    with tempfile.TemporaryDirectory() as folder:
        variables = {"KERASFUSE_CACHE": folder, "TORCHINDUCTOR_CACHE_DIR": folder}

        def run(compiles):
            case = json.dumps([model, lengths, batch, compiles])
            return measure.in_new_process(__file__, "--case", case, variables=variables)

        found = {"model": model, "lengths": lengths, "batch": batch}
        once, again = run(True), run(True)
        found |= {"first": once["first"], "again": again["first"], "step": again["step"]}
        if backend == "torch":
            plain = run(False)["step"]
            return found | {"plain": plain, "speedup": plain / found["step"]}
        met = once["first"] <= LONGEST and again["first"] <= LONGEST / 4
        return found | {"goal": f"{LONGEST} s once, then nearly 0: {'met' if met else 'missed'}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=sorted({case[0] for case in CASES}))
    parser.add_argument("--lengths", nargs="+", default=["toy", "typical"])
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--dry", action="store_true", help="print the table and save nothing")
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(work(*arguments.case)))
        return

    import keras

    rows = []
    for model, lengths, batch in CASES:
        if model in (arguments.only or [model]) and lengths in arguments.lengths:
            rows.append(row(model, lengths, batch, keras.config.backend()))
            print(measure.markdown(rows[-1:], COLUMNS), flush=True)
    if not arguments.dry:
        # jax takes all cores, whatever OMP_NUM_THREADS says.
        threads = 1 if keras.config.backend() == "torch" else os.cpu_count()
        measure.save("compilation", rows, COLUMNS, measure.environment("cpu", threads))


if __name__ == "__main__":
    main()
