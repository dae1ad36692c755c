"""Two processes that take turns, a step each, so that whatever else the machine does hits both."""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import time

import measure
import numpy as np


class Side:
    """A process that makes a step when told to, and answers with its seconds.

    Args:
        script: a file that hands `--serve` and the arguments to its `serve`.
        arguments: what tells it which steps.
    """

    def __init__(self, script, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, script, "--serve", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("a measured process ended early; its error is above")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def sides(script, *arguments, warm_ups=2):
    """Start a `Side` for every tuple of arguments, let each make its first steps, and end them.

    The first step compiles, allocates and builds the state of the optimizer.
    """
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(contextlib.closing(Side(script, *each))) for each in arguments
        ]
        for _ in range(warm_ups):
            for side in started:
                side.ask("step")
        yield started


def answer(step, **readings):
    """Make a step for every line "step" that comes in, and answer with its seconds.

    Args:
        step: function of nothing that returns when its numbers are there.
        readings: functions by the line that asks for what they return.
    """
    for line in map(str.strip, sys.stdin):
        if line in readings:
            print(readings[line](), flush=True)
        else:
            print(seconds_of(step), flush=True)


def seconds_of(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def in_turns(sides, rounds, advance):
    """Let two sides take turns; return the seconds `(rounds, sides)`."""
    seconds = []
    for turn in range(rounds):
        # Either side goes first in turn, so that drift favours neither.
        pair = {side: side.ask("step") for side in sides[:: 1 if turn % 2 else -1]}
        seconds.append([pair[side] for side in sides])
        advance()
    return np.array(seconds)


def speed_up(seconds, batch, goal=None):
    """Say how much faster the second of two sides is, by the median of the ratios of its turns."""
    reference, candidate = (batch / np.median(seconds, axis=0)).tolist()
    low, middle, high = _quartiles(seconds[:, 0] / seconds[:, 1])
    return {
        "reference_speed": reference,
        "candidate_speed": candidate,
        "speed_up": middle,
        "spread": f"{low:.2f} .. {high:.2f}",
        "pairs": len(seconds),
        "goal": goal and f"{goal:.2g}: {'met' if middle >= goal else 'missed'}",
        "seconds": seconds.tolist(),
    }


def cost(seconds, most):
    """Say what the second of two sides costs beside the first, by the same median."""
    reference, candidate = (1000 * np.median(seconds, axis=0)).tolist()
    low, middle, high = _quartiles(seconds[:, 1] / seconds[:, 0])
    return {
        "reference_milliseconds": reference,
        "candidate_milliseconds": candidate,
        "cost": middle,
        "spread": f"{low:.2f} .. {high:.2f}",
        "pairs": len(seconds),
        "goal": f"at most {most:g}: {'met' if middle <= most else 'missed'}",
        "seconds": seconds.tolist(),
    }


def _quartiles(ratios):
    return np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()


def run(script, description, comparisons, columns, compare, serve, rounds=20):
    """Be the command line of a benchmark: measure, save under the script's name, print.

    Args:
        script: the benchmark's file.
        description: its docstring, of which the first line is shown.
        comparisons: the names of what it compares.
        columns: columns of the table, as `measure.save` takes them.
        compare: function of a name, the number of rounds and what to call after each; gives a row.
        serve: function of the arguments of one side; it ends with `answer`.
        rounds: number of rounds where nothing else is said.
    """
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help="pairs of steps in a comparison")
    parser.add_argument("--threads", type=int, default=int(os.environ.get(_THREADS, 2)))
    parser.add_argument(
        "--only",
        choices=comparisons,
        nargs="+",
        default=list(comparisons),
        help="a part of the comparisons, which is printed and not saved",
    )
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _limit_threads(arguments.threads)
    if arguments.serve:
        return serve(*arguments.serve)

    from rich.console import Console
    from rich.progress import Progress

    rows = []
    with Progress() as progress:
        for name in arguments.only:
            task = progress.add_task(name, total=arguments.rounds)
            rows.append(compare(name, arguments.rounds, lambda t=task: progress.advance(t)))
    if arguments.only == list(comparisons):
        environment = measure.environment(measure.device(), arguments.threads)
        measure.save(pathlib.Path(script).stem, rows, columns, environment)
    Console().print(measure.markdown(rows, columns), soft_wrap=True)


# Handed on to the processes that are measured, before any backend of theirs starts.
_THREADS = "OMP_NUM_THREADS"


def _limit_threads(number):
    os.environ[_THREADS] = str(number)
    if number == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
