"""Everything worth knowing about a GPU, in eight minutes: tests, then steps in order of priority.

First the tests marked `gpu`, then what the machine's memory and its products do at best, then
training steps of `workloads.py`: times, kernels, waits, memory, and the share of the step that the
work of its kernels would take at these ceilings. Results are written after each step, so that what
was measured stays when the time is over. Fresh processes measure, and a step that fails ends its
process and none of the others.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --minutes 4 --only torch --results folder
"""

import argparse
import datetime
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

import measure
import numpy as np

MINUTES = 8
# The most that the tests may take of it.
TESTS_SHARE = 0.35
# A step is repeated for about as long.
SECONDS_A_CASE = 4.0
MODELS = ("MulT", "MICA", "AGM", "HCTMG", "DAHB")
BACKENDS = ("torch", "jax")

COLUMNS = {
    "model": ("model", ""),
    "backend": ("backend", ""),
    "policy": ("precision", ""),
    "lengths": ("lengths", ""),
    "batch": ("batch", "d"),
    "milliseconds": ("ms a step", ".1f"),
    "spread": ("quartiles", ""),
    "kernels": ("kernels", ",d"),
    "dispatched": ("by the proxy", ",d"),
    "waits": ("waits", "d"),
    "megabytes": ("peak MB", ",.0f"),
    "floor": ("work at the ceilings, ms", ".2f"),
    "share": ("share of the step", ".0%"),
    "note": ("", ""),
}


def cases(toy=False):
    """List what is measured, most wanted first."""
    found = []
    for lengths, batch in (("mosei", 16), ("typical", 64)):
        for policy in ("float32", "mixed_bfloat16"):
            for model in MODELS:
                if model != "AGM" or lengths == "mosei":
                    found.append(("torch", model, policy, lengths, batch))
    found += [("jax", model, "float32", "mosei", 16) for model in ("MulT", "MICA")]
    if toy:
        found = dict.fromkeys((*case[:3], "toy", 2) for case in found)
    keys = ("backend", "model", "policy", "lengths", "batch")
    return [dict(zip(keys, case, strict=True)) for case in found]


# -- What a fresh process does -------------------------------------------------------------------


def serve():
    """Measure the cases that come in, a line each, and answer each with a line."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = measure_case(**request) if request else ceilings()
        print(MARK + json.dumps(answer), flush=True)


def ceilings():
    """Measure how fast memory is copied and matrices are multiplied; describe the machine."""
    import torch

    device = measure.device()
    size = 2**30 if device == "cuda" else 2**22
    x = torch.ones(size // 4, device=device)
    copied = 2 * size / _median(_synchronized(lambda: x.clone()), 20)
    rates = {}
    for policy, dtype in (("float32", torch.float32), ("mixed_bfloat16", torch.bfloat16)):
        side = 8192 if device == "cuda" else 256
        # Not of zeros, of which products may be faster.
        a = torch.randn(side, side, device=device).to(dtype)
        rates[policy] = 2 * side**3 / _median(_synchronized(lambda a=a: a @ a), 10)
    described = measure.environment(device, torch.get_num_threads())
    if device == "cuda":
        described["cuda"] = torch.version.cuda
    return {"environment": described, "bytes": copied, "operations": rates}


def measure_case(backend, model, policy, lengths, batch, seconds, ceiling):
    """Time training steps from arrays that are where they are computed, and look into one."""
    import keras
    import workloads

    keras.config.set_dtype_policy(policy)
    trained, draw = workloads.make(model, batch, lengths)
    x, y = draw()
    trained.train_on_batch(x, y)
    if backend == "torch":
        step = _synchronized(_torch_step(trained, x, y))
    else:

        def step():
            # Returns numbers, one or a list of them, and so waits for the GPU.
            trained.train_on_batch(x, y)

    on_gpu = measure.device() == "cuda"
    if on_gpu:
        import torch

        torch.cuda.reset_peak_memory_stats()
    number = int(np.clip(seconds / max(_median(step, 1), 1e-4), 3, 200))
    times = [1e3 * _seconds(step) for _ in range(number)]
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75]).tolist()
    row = {"milliseconds": middle, "spread": f"{low:.1f} .. {high:.1f}", "steps": number}
    if backend == "jax":
        return row | {"megabytes": _peak_of_jax()}
    if on_gpu:
        row["megabytes"] = torch.cuda.max_memory_allocated() / 1e6
        row |= _launches(step)
    try:
        return row | _floor(trained, x, y, ceiling, policy, middle)
    except Exception as error:
        # The times are good all the same.
        return row | {"note": f"not counted: {_first_line(error)}"}


def _torch_step(model, x, y):
    """Make a step that leaves the loss where it is, as `fit` does without a progress bar."""
    import torch

    device = measure.device()
    x = {k: torch.as_tensor(v, device=device) for k, v in x.items()}
    y = torch.as_tensor(y, device=device)
    return lambda: model.train_step((x, y, None))


def _synchronized(function):
    import torch

    def run():
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return run


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _median(function, times):
    function()
    return float(np.median([_seconds(function) for _ in range(times)]))


def _peak_of_jax():
    import jax

    told = jax.local_devices()[0].memory_stats() or {}
    return told["peak_bytes_in_use"] / 1e6 if "peak_bytes_in_use" in told else None


def _launches(step):
    """Count the kernels of a step, and how often the program waited for the GPU in it."""
    import torch

    kinds = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kinds.CPU, kinds.CUDA]) as profile:
        step()
    events = profile.events()
    launched = [e.name for e in events if e.device_type == torch.autograd.DeviceType.CUDA]
    return {
        "kernels": sum(not name.startswith(("Memcpy", "Memset")) for name in launched),
        # The last is the clock's.
        "waits": sum("Synchronize" in e.name for e in events) - 1,
    }


def _floor(model, x, y, ceiling, policy, milliseconds):
    """Say how long the work of a step would take at the ceilings, by the shapes of its tensors."""
    import gpu_proxy

    with gpu_proxy.as_on_gpu():
        counted, _ = gpu_proxy.count_step(model, x, y)
    rate, copied = ceiling["operations"][policy], ceiling["bytes"]
    floor = 1e3 * sum(max(work / rate, moved / copied) for work, moved in counted.work)
    return {
        "dispatched": counted.kernels.total(),
        "floor": floor,
        "share": floor / milliseconds,
    }


def _first_line(error):
    return f"{type(error).__name__}: {error}".splitlines()[0][:150]


# -- What the script does ------------------------------------------------------------------------

# In front of the answers of a process: others may print too.
MARK = "measured "


class Worker:
    """A process that measures for one backend; one that failed is followed by a fresh one.

    Args:
        backend: name of the backend.
    """

    def __init__(self, backend):
        self.backend = backend
        self.process = None

    def ask(self, request, seconds):
        """Let it measure; returns its answer.

        Raises:
            RuntimeError: where it ends or answers nothing in time.
        """
        if self.process is None:
            self._start()
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        end, said = time.monotonic() + seconds, "ended without a word"
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                self.stop()
                raise RuntimeError(f"not done in {seconds:.0f} s") from None
            if line is None:
                self.stop()
                raise RuntimeError(said)
            if line.startswith(MARK):
                return json.loads(line.removeprefix(MARK))
            # The last line of a traceback names the error.
            said = line.strip()[:150] or said

    def _start(self):
        command = [sys.executable, __file__, "--serve"]
        environment = os.environ | {"KERAS_BACKEND": self.backend}
        self.process = subprocess.Popen(
            command,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.lines = queue.Queue()
        streams = (self.process.stdout, self.lines)
        self.reader = threading.Thread(target=self._read, args=streams, daemon=True)
        self.reader.start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line)
        lines.put(None)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            self.process.stdout.close()
            self.process.stdin.close()
            self.process = None


def run_tests(seconds, arguments):
    """Run the tests marked `gpu`; returns how they ended, in a line."""
    root = pathlib.Path(__file__).parents[1]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/gpu", *arguments]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done in {seconds:.0f} s"
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            print(line)
    return lines[-1].strip("= ") if lines else done.stderr.strip()[-150:]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all of it")
    parser.add_argument("--only", choices=BACKENDS, nargs="+", default=BACKENDS)
    parser.add_argument("--results", type=pathlib.Path, default=measure.RESULTS, help="a folder")
    parser.add_argument("--toy", action="store_true", help="tiny steps, to see that it runs")
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("--pytest", action="append", default=[], help="an argument for the tests")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(arguments)
    if arguments.serve:
        return serve()

    end = time.monotonic() + 60 * arguments.minutes

    def left():
        return end - time.monotonic()

    environment = {"began": datetime.datetime.now().isoformat(timespec="seconds")}
    if not arguments.no_tests:
        environment["tests"] = run_tests(TESTS_SHARE * left(), arguments.pytest)
        print(environment["tests"], flush=True)
    workers = {backend: Worker(backend) for backend in BACKENDS}
    try:
        ceiling = workers["torch"].ask({}, left())
        environment = ceiling.pop("environment") | environment
        environment["GB/s"] = f"{ceiling['bytes'] / 1e9:,.0f}"
        for policy, rate in ceiling["operations"].items():
            environment[f"TFLOP/s {policy}"] = f"{rate / 1e12:.1f}"
        rows = []
        for case in cases(arguments.toy):
            if case["backend"] not in arguments.only:
                continue
            if left() < 5:
                row = {"note": "no time left"}
            else:
                seconds = 0.1 if arguments.toy else SECONDS_A_CASE
                row = _ask(workers, case | {"seconds": seconds, "ceiling": ceiling}, left())
            rows.append(case | row)
            measure.save("gpu", rows, COLUMNS, environment, arguments.results)
            print(measure.markdown(rows[-1:], COLUMNS).splitlines()[-1], flush=True)
    finally:
        for worker in workers.values():
            worker.stop()


def _ask(workers, request, seconds):
    # The GPU is for one of them.
    for backend, worker in workers.items():
        if backend != request["backend"]:
            worker.stop()
    try:
        return workers[request["backend"]].ask(request, seconds)
    except (RuntimeError, OSError) as error:
        return {"note": str(error)}


if __name__ == "__main__":
    main()
