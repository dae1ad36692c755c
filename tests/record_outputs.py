"""What each entry's weights give for one small input, recorded: `tests/zoo/test_outputs.py`.

python tests/record_outputs.py [NAME...] records entries whose weights are new, all by default.
Run it on torch, and only where new weights are meant: what it writes is what the test expects.
"""

import json
import pathlib
import sys
import warnings

import numpy as np

from kerasfuse import zoo

# isort: split
import keras

PATH = pathlib.Path(__file__).parent / "zoo" / "outputs.json"
STEPS = 5


def names():
    """Return the names of the entries with weights."""
    return [entry.name for entry in zoo.entries() if entry.weights.file]


def outputs(name):
    """Return what an entry's model, its weights loaded, gives for two samples."""
    with warnings.catch_warnings():
        # The terms of weights and that some are simulated: said to users, known here.
        warnings.simplefilter("ignore", UserWarning)
        model = zoo.load(name)
    inputs = {modality: _input(x) for modality, x in model.input.items()}
    return model.predict(inputs, verbose=0)


def _input(x):
    # Neither random numbers, whose generators change, nor padding, which other tests are about.
    shape = [2, *(STEPS if size is None else size for size in x.shape[1:])]
    count = np.arange(1, np.prod(shape) + 1).reshape(shape)
    is_ids = keras.backend.is_int_dtype(x.dtype)
    return count.astype("int32") if is_ids else np.sin(count).astype("float32")


def main(chosen):
    recorded = json.loads(PATH.read_text(encoding="utf-8")) if chosen else {}
    for name in chosen or names():
        rows = [[float(f"{value:.7g}") for value in row] for row in outputs(name).tolist()]
        recorded[name] = {"sha256": zoo.entry(name).weights.sha256, "outputs": rows}
        print(name)
    lines = [f"{json.dumps(name)}: {json.dumps(recorded[name])}" for name in sorted(recorded)]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
