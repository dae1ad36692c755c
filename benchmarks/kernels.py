"""Kernels, host reads and memory of a training step of every model on a GPU, without one.

See `gpu_proxy.py` for what is counted and how, and `workloads.py` for the steps. Counts do not
depend on the machine; a test holds every step to those recorded here and 5 % more.

    python benchmarks/kernels.py
    python benchmarks/kernels.py --only MICA --batch 64
"""

import argparse

import gpu_proxy
import measure
import workloads

BATCH = 16
# Most kernels wanted.
GOALS = {"MulT": 2000, "MICA without losses": 2500, "MICA": 5000}
# What makes a step wait for a number of the GPU, and why it has to.
READS = {
    "HCTMG": (1, "which modality the gate chooses decides what runs next"),
    "EFLSTM with CTC": (4, "PyTorch's CTC loss wants two lengths of each aligned modality"),
    "AGM, SGD": (1, "Keras' SGD on PyTorch hands its learning rate over as a number"),
}
COLUMNS = {
    "name": ("model", ""),
    "batch": ("batch", "d"),
    "kernels": ("kernels", ",d"),
    "goal": ("goal", ""),
    "reads": ("host reads", "d"),
    "why": ("why", ""),
    "uploads": ("copies to the GPU", "d"),
    "resident": ("weights, optimizer, batch, MB", ",.0f"),
    "peak": ("most that the step adds, MB", ",.0f"),
}


def count(name, batch=BATCH, lengths="mosei"):
    """Count one step; returns a row of the table."""
    with gpu_proxy.as_on_gpu():
        model, draw = workloads.make(name, batch, lengths)
        counted, resident = gpu_proxy.count_step(model, *draw(), warm_up=draw(2, "toy"))
    kernels, goal = counted.kernels.total(), GOALS.get(name)
    return {
        "name": name,
        "batch": batch,
        "kernels": kernels,
        "goal": goal and f"at most {goal:,}: {'met' if kernels <= goal else 'missed'}",
        "reads": counted.reads.total(),
        "why": READS.get(name, (0, "nobody knows"))[1] if counted.reads else None,
        "uploads": counted.uploads,
        "resident": resident / 1e6,
        "peak": counted.peak_bytes / 1e6,
    }


def environment():
    """Describe what counts depend on, in the words of the other benchmarks."""
    described = measure.environment("cpu", 1) | {"device": "any GPU, by its proxy"}
    return {key: value for key, value in described.items() if key != "cores"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=workloads.names(), nargs="+", metavar="MODEL")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--lengths", choices=list(workloads.LENGTHS), default="mosei")
    arguments = parser.parse_args()

    from rich.console import Console
    from rich.progress import track

    steps = [(name, arguments.batch) for name in arguments.only or workloads.names()]
    recorded = not arguments.only and (arguments.batch, arguments.lengths) == (BATCH, "mosei")
    if recorded:
        # A batch launches as much as any other, but where its matrices have to be taken in blocks.
        at = steps.index(("MICA", BATCH))
        steps[at : at + 1] = [("MICA", batch) for batch in (4, BATCH, 64)]
    rows = [count(*step, arguments.lengths) for step in track(steps, description="counting")]
    if recorded:
        measure.save("kernels", rows, COLUMNS, environment())
    Console().print(measure.markdown(rows, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
