"""What every benchmark needs: peak memory, a description of the machine, result files."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).parent
RESULTS = FOLDER / "results"


def resident_bytes():
    """Return the memory this process holds now."""
    if sys.platform == "linux":
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return peak_resident_bytes()


def peak_resident_bytes():
    """Return the most memory this process has held.

    On Linux it is read from the process itself: `getrusage` passes the peak of a parent on to its
    children.
    """
    if sys.platform == "linux":
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class PeakMemory:
    """Bytes above what was held when the meter was made: of the GPU where torch has one, else of
    the process. It must be the process's first large allocation, for a peak is never forgotten."""

    def __init__(self, device):
        self.device = device
        if device == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats()
            self.baseline = torch.cuda.memory_allocated()
        else:
            self.baseline = max(resident_bytes(), peak_resident_bytes())

    def read(self):
        if self.device == "cuda":
            import torch

            return torch.cuda.max_memory_allocated() - self.baseline
        return peak_resident_bytes() - self.baseline


def in_new_process(script, *arguments, variables=None):
    """Run a benchmark once more, in a fresh process, and return what its last line says.

    Args:
        script: path of the benchmark, which prints one JSON value at its end.
        *arguments: what stands behind it on the command line.
        variables: dict of environment variables that differ from those of this process.
    """
    command = [sys.executable, str(script), *map(str, arguments)]
    printed = subprocess.check_output(command, text=True, env=os.environ | (variables or {}))
    return json.loads(printed.splitlines()[-1])


def milliseconds(function, calls):
    """Return the median time of so many calls."""
    seconds = []
    for _ in range(calls):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    return 1000 * statistics.median(seconds)


def device():
    """Say where the backend computes: "cuda" where torch has a GPU, else "cpu"."""
    import keras

    if keras.config.backend() != "torch":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def environment(device, threads):
    """Describe where and with what a number was measured."""
    import keras

    backend = keras.config.backend()
    return {
        "device": _gpu_name() if device == "cuda" else _cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads,
        "backend": backend,
        "python": platform.python_version(),
        "keras": keras.__version__,
        backend: importlib.metadata.version(backend),
        "date": datetime.date.today().isoformat(),
    }


def _gpu_name():
    import torch

    return torch.cuda.get_device_name()


def _cpu_name():
    if sys.platform == "linux":
        fields = {}
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
        # A virtual machine may hide the name; the numbers still tell the generation.
        numbers = (fields.get(key, "?") for key in ("cpu family", "model"))
        return f"{fields.get('model name', platform.machine())} (family, model {'/'.join(numbers)})"
    return platform.processor() or platform.machine()


def save(name, rows, columns, environment, folder=RESULTS):
    """Append a run to `results/<name>.jsonl` and write the newest run of its kind as a table.

    Of a kind are runs of one machine, backend and number of threads. The tables stand in
    `results/<name>.md` and, between its marks, in the README.

    Args:
        name: name of the benchmark.
        rows: list of dicts of values.
        columns: dict of key of a row to heading and format of its column.
        environment: what `environment` returned. A run that says under "began" when it did takes
            the place of what was saved of it before.
        folder: another folder for the results, of which the README then has no table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if "began" in environment:
        lines = [x for x in lines if json.loads(x)["environment"] != environment]
    lines.append(json.dumps({"environment": environment, "rows": rows}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    newest = {}
    for line in lines:
        run = json.loads(line)
        newest[tuple(run["environment"][key] for key in ("device", "backend", "threads"))] = run
    text = "\n".join(
        f"{markdown(run['rows'], columns)}\n\nMeasured on "
        + ", ".join(f"{key} {value}" for key, value in run["environment"].items())
        + ".\n"
        for run in newest.values()
    )
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    if folder != RESULTS:
        return

    readme = FOLDER / "README.md"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(f"<!-- begin {name} -->\n")
    _, end, after = rest.partition(f"<!-- end {name} -->")
    readme.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")


def markdown(rows, columns):
    lines = [[heading for heading, _ in columns.values()], ["---"] * len(columns)]
    for row in rows:
        lines.append(
            [
                "" if row.get(key) is None else format(row[key], form)
                for key, (_, form) in columns.items()
            ]
        )
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
