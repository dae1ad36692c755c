"""Run what may end the interpreter, fill the memory or never end, each in a process of its own.

A process that has imported the library once forks a child for each case, with a limit of memory
and of time, and tells how it ended. `Sandbox` is its other end:

    with Sandbox() as sandbox:
        outcome = sandbox.run("hostile.readers:read_pickle", {"path": "a.pkl"})

Functions are named, as they run in another process; their arguments and what they return are JSON.
"""

import dataclasses
import importlib
import json
import math
import os
import pathlib
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TESTS = pathlib.Path(__file__).parents[1]
MEMORY = 4 * 2**30
SECONDS = 20.0
# On a busy machine a process gets a part of the time only.
_WAITS = 3

# What can become of a case. The first two are as it should be.
ACCEPTED, REFUSED = "accepted", "refused"
EXECUTED, MEMORY_OUT, TIME_OUT = "executed", "over memory", "over time"
CRASHED, TRACE, WRONG = "interpreter crash", "library stack trace", "wrong data accepted"
GOOD = (ACCEPTED, REFUSED)
KINDS = (*GOOD, EXECUTED, MEMORY_OUT, TIME_OUT, CRASHED, TRACE, WRONG)

# Of the audit events of Python, those that no reader of files has a reason for.
_EVENTS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn")
_EVENTS += ("socket.connect", "webbrowser.open", "os.kill")
# What the project's own errors have; a message of a library does not.
_SENTENCE = ("expected ", "Received: ")
_MEMORY_SENTENCES = ("fits into memory",)


@dataclasses.dataclass
class Outcome:
    """What became of a case.

    Attributes:
        kind: one of `KINDS`.
        told: the message, the signal, or what the function returned.
        seconds: of the processor that it took.
    """

    kind: str
    told: object = ""
    seconds: float = 0.0

    @property
    def is_good(self):
        return self.kind in GOOD


class WrongData(Exception):
    """What a case raises that has read something else than the file holds."""


class Sandbox:
    """A process that forks a child for each case.

    Args:
        memory: bytes that a case may take beside those of the interpreter that it starts from.
    """

    def __init__(self, memory=MEMORY):
        paths = [str(TESTS.parent), str(TESTS), *os.environ.get("PYTHONPATH", "").split(":")]
        environment = os.environ | {"PYTHONPATH": ":".join(filter(None, paths))}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | {"OMP_NUM_THREADS": "1"},
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, function, arguments, seconds=SECONDS):
        """Call `module:function` in a child and give its `Outcome`.

        Args:
            function: its name.
            arguments: dict of its arguments.
            seconds: of the processor that it may take, waiting aside.
        """
        self._process.stdin.write(json.dumps([function, arguments, seconds]) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))


def run_all(cases, sandboxes, seconds=SECONDS):
    """Yield `(case, Outcome)` of many in any order, a sandbox a thread.

    Args:
        cases: list of `(function, arguments)`, see `Sandbox.run`.
        sandboxes: list of `Sandbox`.
        seconds: that a case may take.
    """
    waiting, done = queue.SimpleQueue(), queue.SimpleQueue()
    for case in cases:
        waiting.put(case)

    def work(sandbox):
        while True:
            try:
                function, arguments = waiting.get_nowait()
            except queue.Empty:
                return
            done.put(((function, arguments), sandbox.run(function, arguments, seconds)))

    threads = [threading.Thread(target=work, args=(s,), daemon=True) for s in sandboxes]
    for thread in threads:
        thread.start()
    for _ in cases:
        yield done.get()


# In the other process.


# Not as the main module, of which the functions that are called would import another copy.
_START = "import sys; from hostile.sandbox import main; main(int(sys.argv[1]))"


def main(memory):
    """Answer the lines on standard input, a case each."""
    import kerasfuse.datasets  # noqa: F401
    import kerasfuse.zoo  # noqa: F401

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        function, arguments, seconds = json.loads(line)
        answers.write(json.dumps(_run(function, arguments, memory, seconds)) + "\n")
        answers.flush()


def _run(function, arguments, memory, seconds):
    folder = tempfile.mkdtemp(prefix="hostile-")
    reading, writing = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if not child:
        os.close(reading)
        _in_child(function, arguments, folder, memory, seconds, writing)
    os.close(writing)
    try:
        data, ended = _all_of(reading, begun + _WAITS * seconds)
        if not ended:
            os.kill(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
    finally:
        os.close(reading)
        shutil.rmtree(folder, ignore_errors=True)
    took = round(used.ru_utime + used.ru_stime, 3)
    if not ended or os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return {"kind": TIME_OUT, "seconds": took}
    try:
        return json.loads(data) | {"seconds": took}
    except ValueError:
        told = f"status {status}, signal {os.WTERMSIG(status)}"
        return {"kind": CRASHED, "told": told, "seconds": took}


def _all_of(reading, deadline):
    data = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return data, False
        part = os.read(reading, 2**16)
        if not part:
            return data, True
        data += part


def _in_child(function, arguments, folder, memory, seconds, writing):
    # Whatever happens, this process does not go on where its parent is.
    outcome = {"kind": CRASHED, "told": "an error in the sandbox"}
    try:
        _confine(folder, memory, seconds)
        module, name = function.split(":")
        call = getattr(importlib.import_module(module), name)
        outcome = _outcome(call, arguments)
    finally:
        os.write(writing, json.dumps(outcome).encode())
        os._exit(0)


def _confine(folder, memory, seconds):
    import resource

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.chdir(folder)
    os.environ |= {"TFDS_DATA_DIR": f"{folder}/tfds", "KERASFUSE_CACHE": f"{folder}/cache"}
    os.environ.pop("KERASFUSE_DATA", None)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    whole = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 5))


def _outcome(call, arguments):
    armed, seen = [True], []

    def watch(event, details):
        # The servers of tests are on this machine.
        own = event == "socket.connect" and details[1][0] == "127.0.0.1"
        if armed[0] and event.startswith(_EVENTS) and not own:
            seen.append(event)

    sys.addaudithook(watch)
    try:
        outcome = {"kind": ACCEPTED, "told": call(**arguments)}
    except WrongData as error:
        outcome = {"kind": WRONG, "told": str(error)}
    except MemoryError as error:
        outcome = {"kind": MEMORY_OUT, "told": _where(error)}
    except (ValueError, OSError) as error:
        outcome = {"kind": REFUSED, "told": str(error)}
        if any(part in str(error) for part in _MEMORY_SENTENCES):
            outcome["kind"] = MEMORY_OUT
        elif not all(part in str(error) for part in _SENTENCE):
            outcome = {"kind": TRACE, "told": _where(error)}
    except BaseException as error:
        outcome = {"kind": TRACE, "told": _where(error)}
    armed[0] = False
    if seen or pathlib.Path("executed").exists():
        outcome = {"kind": EXECUTED, "told": ", ".join(seen)}
    return outcome


def _where(error):
    """Give the kind of an error, its message and the last line of ours that it came through."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "kerasfuse" in code.co_filename:
            place = f"{pathlib.Path(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}: {str(error)[:300]}"
