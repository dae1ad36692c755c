"""One training on several devices: which there are, what they must agree on, and who writes."""

import contextlib
import dataclasses
from typing import Any

from kerasfuse import backend
from kerasfuse.nearest_names import choose

# What `distribute` may be: every device has the model, and a share of each batch.
WAYS = ("data",)


class StoppedWithOthersError(ValueError):
    """End a process because another one cannot go on, which tells why."""


@dataclasses.dataclass(frozen=True)
class Devices:
    """Hold the devices that train together, in this process and in others.

    Only the first process reads and writes the run folder. What it alone can know it tells by
    `word`.

    Args:
        number: how many there are.
        group: what connects several processes; `None` for this one alone.
    """

    number: int = 1
    group: Any = None

    @property
    def is_first(self):
        """Whether this is the process that writes."""
        return self.group is None or self.group.rank == 0

    def word(self, say):
        """Return what `say()` is in the first process, the only one that calls it."""
        value = say() if self.is_first else None
        return value if self.group is None else self.group.word(value)

    def together(self, function, first_only=False):
        """Return `function()`, and end all processes where it raises an error in one.

        Args:
            function: called in every process.
            first_only: whether the first alone calls it, while the others wait; they get `None`.

        Raises:
            Exception: in the first process: its own error, or a ValueError for that of another.
            StoppedWithOthersError: in the others.
        """
        if self.group is None:
            return function()
        value = error = None
        try:
            value = function() if self.is_first or not first_only else None
        except Exception as raised:  # told to the others, whatever it is
            error = raised
        told = self.group.words(error and f"{type(error).__name__}: {error}")
        for rank, words in enumerate(told):
            if words is None:
                continue
            if not self.is_first:
                raise StoppedWithOthersError(f"process {rank + 1} cannot go on") from error
            if rank == 0:
                raise error
            raise ValueError(
                f"expected {len(told)} processes that train together. Received: an error in "
                f"process {rank + 1} ({words})."
            )
        return value

    def agree(self, **values):
        """Raise, in all processes, a ValueError unless each has the same values.

        Args:
            **values: what is compared, by what it is called.
        """
        if self.group is None:
            return
        found = self.group.words(values)

        def check():
            for name in values:
                each = [words[name] for words in found]
                if any(other != each[0] for other in each):
                    raise ValueError(
                        f"expected processes that train on the same {name}. Received: "
                        f"{_shown(each)}. Start all of them with the same command and files."
                    )

        self.together(check)

    def check_size(self, batch_size, samples):
        """Raise a ValueError where a batch has fewer samples than there are devices."""
        size = min(batch_size, samples)
        if self.number > size:
            raise ValueError(
                f"expected at most as many devices as a batch has samples, {size}. Received: "
                f"{self.number} devices, batch_size={batch_size}, {samples} samples to train on. "
                "Start fewer, or raise batch_size."
            )

    def attach(self, model):
        """Let a compiled model train on the share that this process has of each batch."""
        if self.group is not None:
            self.group.attach(model)

    def training(self, train, validation, callbacks, seed, verbose="auto", companions=None):
        """Return what `fit` takes of a training that the devices share.

        Args:
            train: what serves the batches to train on.
            validation: those to validate on: the first process does, on all of them.
            callbacks: list; the first process has them.
            seed: seed of the training.
            verbose: as in `keras.Model.fit`, for the first process.
            companions: the `Companions` that are trained on, if any.
        """
        given = {
            "x": train,
            "validation_data": validation,
            "callbacks": callbacks,
            "verbose": verbose,
        }
        if self.group is None:
            return given
        share = train.share(self.group.rank, self.group.ranks)
        exchange = self.group.callback(share, seed, companions)
        if not self.is_first:
            return {"x": share, "callbacks": [exchange], "verbose": 0}
        return {**given, "x": share, "callbacks": [*callbacks, exchange]}


# One process on one device: a training as ever.
ALONE = Devices()


def check_way(distribute, jobs, executor):
    """Raise a ValueError for a way of distribution that there is not, or that goes with no jobs."""
    if distribute is None:
        return
    choose("distribute", distribute, WAYS)
    if jobs != 1 or executor is not None:
        raise ValueError(
            "expected one training at a time on several devices. Received: "
            f"distribute={distribute!r} with jobs={jobs!r}, executor={executor!r}. Leave those "
            "out, or distribute."
        )


@contextlib.contextmanager
def joined(distribute, report):
    """Join the devices of a training, in the block.

    Args:
        distribute: `None` for one device as ever, or `"data"`.
        report: called with a line about them, in the first process.

    Yields:
        `Devices`.

    Raises:
        ValueError: with a backend that has no devices to join.
    """
    if distribute is None:
        yield ALONE
        return
    with backend.data_parallel() as (number, group):
        devices = Devices(number, group)
        if devices.is_first:
            report(_line(number))
        yield devices


def is_follower(distribute):
    """Whether this process trains with a first one, which tells and shows what there is."""
    return distribute is not None and backend.process_rank() > 0


def _line(number):
    if number > 1:
        return f"{number} devices share each batch"
    line = "1 device trains"
    if idle := backend.idle_devices():
        line += (
            f"; for the {idle} others: torchrun --nproc-per-node {idle + 1} --no-python "
            "kerasfuse train ..."
        )
    return line


def _shown(each):
    """Write what every process has, in its order; of text that is long, the beginning."""
    return ", ".join(f"{str(value)[:12]} in process {rank + 1}" for rank, value in enumerate(each))
