"""Keep a training run on disk, so that a killed one goes on from its last whole epoch."""

import csv
import json
import math
import pathlib
import time

import keras
import numpy as np

from kerasfuse import atomic
from kerasfuse.deprecation import renamed_arguments
from kerasfuse.training.saving import save_weights

_STATE = (
    "best",
    "wait",
    "cooldown_counter",
    "best_epoch",
    "stopped_epoch",
    "frozen_epoch",
    "holds_average",
)


@renamed_arguments(twin="best_model")
class RunCheckpoint(keras.callbacks.Callback):
    """Write weights, optimizer, schedules and history after every epoch, and restore them.

    `keras.callbacks.BackupAndRestore` brings back the model, the optimizer and the epoch. This
    callback also keeps what `EarlyStopping` and `ReduceLROnPlateau` counted, the best weights, the
    history so far, and the random numbers: every epoch starts from a seed of its own, for backends
    that draw dropout from one global generator, and the states of the model's seed generators,
    which Keras does not save with its weights, come back too.

    The folder holds `history.csv` and a checkpoint: `checkpoint.json`, which names the two weights
    files that belong to it, the last epoch's (with the optimizer's) and the best epoch's (the
    model alone). `checkpoint.json` is written last and every file whole or not at all, so that
    what it says is always there. `finish` leaves `best.weights.h5` in the checkpoint's place.

    The best epoch is one whose `monitor`, losses and weights are finite: the accuracy of outputs
    that are not numbers is finite, and means nothing.

    Args:
        folder: where to write.
        best_model: an uncompiled model of the same architecture, used to save weights without the
            optimizer's.
        monitor: the logged quantity by which the best epoch is chosen.
        mode: `"min"` or `"max"`.
        seed: whole number from 0 that the seeds of the epochs are made of.
        companions: callbacks that count epochs, such as `keras.callbacks.EarlyStopping`. They
            must stand before this one in the list given to `fit`; `AverageWeights` behind it.

    Attributes:
        initial_epoch: number of epochs done before, for `fit(initial_epoch=...)`.
        done: whether training already ended; `fit` must not be called then.

    Example:

    >>> import kerasfuse
    >>> stop = keras.callbacks.EarlyStopping("val_loss", patience=10)
    >>> model, best_model = (kerasfuse.zoo.load("mica_mosei", weights=None) for _ in range(2))
    >>> model.compile("adam", "mae")
    >>> kept = RunCheckpoint("my-run", best_model, "val_loss", "min", 0, [stop])
    >>> kept.initial_epoch, kept.done
    (0, False)

    and then `model.fit(..., initial_epoch=kept.initial_epoch, callbacks=[stop, kept])`.
    """

    def __init__(self, folder, best_model, monitor, mode, seed, companions=()):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.best_model = best_model
        self.monitor = monitor
        self.better = {"min": float.__lt__, "max": float.__gt__}[mode]
        self.seed = seed
        self.companions = list(companions)
        self._best_values = None
        self.state = {"epoch": 0, "done": False, "best": None, "best_epoch": None, "history": []}
        if self._file.exists():
            self.state = json.loads(self._file.read_text(encoding="utf-8"))

    @property
    def initial_epoch(self):
        return self.state["epoch"]

    @property
    def done(self):
        return self.state["done"]

    @property
    def _file(self):
        return self.folder / "checkpoint.json"

    @property
    def best_weights(self):
        """Path of the best epoch's weights, `None` while there is none."""
        best = self.state["best_epoch"]
        return None if best is None else self.folder / f"best_{best:04d}.weights.h5"

    def on_train_begin(self, logs=None):
        if not self.initial_epoch:
            return
        self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(self._last_weights())
        for companion, counts in zip(self.companions, self.state["companions"], strict=True):
            for name, value in counts.items():
                setattr(companion, name, value)
        for variable, value in zip(self._random_states(), self.state["random"], strict=True):
            variable.assign(value)

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.monotonic()
        generator = np.random.SeedSequence([self.seed, epoch])
        keras.utils.set_random_seed(int(generator.generate_state(1)[0]))

    def on_epoch_end(self, epoch, logs=None):
        state = self.state
        row = {name: float(value) for name, value in (logs or {}).items()}
        if self.monitor not in row:
            raise ValueError(
                f"expected monitor to be one of {', '.join(sorted(row))}. "
                f"Received: monitor={self.monitor!r}."
            )
        seconds = round(time.monotonic() - self._started, 3)
        state["history"].append({"epoch": epoch + 1, **row, "seconds": seconds})
        state["epoch"] = epoch + 1
        state["done"] = self.model.stop_training or epoch + 1 == self.params["epochs"]
        state["companions"] = [
            {name: _plain(vars(companion)[name]) for name in _STATE if name in vars(companion)}
            for companion in self.companions
        ]
        state["random"] = [
            keras.ops.convert_to_numpy(variable).tolist() for variable in self._random_states()
        ]
        value = row[self.monitor]
        is_better = state["best"] is None or self.better(value, state["best"])
        # Of a modulated model, the model that it wraps.
        trained = getattr(self.model, "model", self.model)
        if is_better and self._is_finite(row) and _are_finite(weights := trained.get_weights()):
            state["best"], state["best_epoch"] = value, epoch + 1
            self._best_values = weights
            self.best_model.set_weights(weights)
            save_weights(self.best_model, self.best_weights)
        save_weights(self.model, self._last_weights())
        with atomic.replacing(self._file) as temporary:
            temporary.write_text(json.dumps(state), encoding="utf-8")
        self._remove_weights(keep=(self._last_weights(), self.best_weights))
        self._write_history()

    def restore_best(self):
        """Give `best_model` the weights of the best epoch."""
        if self._best_values is None:  # that epoch was before a kill
            self.best_model.load_weights(self.best_weights)
        else:
            self.best_model.set_weights(self._best_values)

    def finish(self):
        """Keep the best weights as `best.weights.h5` and delete the checkpoint."""
        # A kill may have fallen between the last checkpoint and its row.
        self._write_history()
        if self.best_weights and self.best_weights.exists():
            self.best_weights.replace(self.folder / "best.weights.h5")
        self._remove_weights()
        self._file.unlink(missing_ok=True)

    def _is_finite(self, row):
        of_training = (row[name] for name in (self.monitor, "loss", "val_loss") if name in row)
        return all(map(math.isfinite, of_training))

    def _random_states(self):
        return [v for v in self.model.variables if v.name == "seed_generator_state"]

    def _last_weights(self):
        return self.folder / f"epoch_{self.state['epoch']:04d}.weights.h5"

    def _remove_weights(self, keep=()):
        for pattern in ("epoch_*.weights.h5", "best_*.weights.h5"):
            for path in self.folder.glob(pattern):
                if path not in keep:
                    path.unlink()

    def _write_history(self):
        rows = self.state["history"]
        with atomic.replacing(self.folder / "history.csv") as temporary:
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


def _are_finite(weights):
    return all(np.isfinite(array).all() for array in weights)


def _plain(value):
    return value if value is None or isinstance(value, int) else float(value)
