"""Small files of every data set, by name: what the battery reads.

They are those of the data sets' own tests. A data set without a row here fails the battery.
"""

import importlib.util
import pathlib

import numpy as np
import tiny_data

TESTS = pathlib.Path(__file__).parents[1] / "datasets"


def _of_tests(name):
    """Import the tests of a data set, for what they write."""
    path = TESTS / f"test_{name}.py"
    spec = importlib.util.spec_from_file_location(f"files_of_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _written(name, function="write", **arguments):
    """Write files by a function of a data set's tests."""

    def write(folder):
        folder.mkdir()
        return getattr(_of_tests(name), function)(folder), arguments

    return write


def _pickle(tree, **arguments):
    def write(folder):
        return tiny_data.dump(tree(), folder / "data.pkl"), arguments

    return write


def _cremad(folder):
    return _of_tests("cremad").write(folder), {}


def _utterances(folder):
    tests = _of_tests("mosi_utterance")
    return tests.write_folder(tests.made_up(), folder), {}


def _speech(folder):
    return _of_tests("ravdess_speech").write(folder), {"fold": 1}


def _clips(folder):
    import soundfile

    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["path,label,split"]
    for split in ("train", "validation", "test"):
        for i in range(4):
            name = f"{split}_{i}.wav"
            soundfile.write(folder / name, rng.normal(size=3200) / 10, 16000)
            rows.append(f"{name},{i / 2 - 0.75},{split}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder / "clips.csv", {}


def _words(folder):
    tests = _of_tests("mosi_words")
    encoder = folder / "encoder"
    tests.write(folder)
    tests.tiny_preset.make(encoder)
    return folder, {"encoder": encoder, "layers": 2}


WORDS = ["text", "vision", "audio"]
SIMULATED = {
    "world": "codes",
    "num_samples": 12,
    "typical_lengths": {"text": 4, "audio": 6, "vision": 5},
}

# Name of the data set -> list of functions that write files into a folder that is not there yet
# and return data_dir and arguments of `load`.
FILES = {
    "av_mnist": [_written("av_mnist")],
    "ave": [_written("ave"), _written("ave", vision="pooled")],
    "cremad": [_cremad],
    "iemocap": [
        _pickle(lambda: tiny_data.mult("iemocap")),
        _pickle(lambda: tiny_data.mult("iemocap", aligned=True), aligned=True),
    ],
    "kinetics_sound": [_written("kinetics_sound", classes=["tap dancing", "bowling"])],
    "mosei": [
        _pickle(lambda: tiny_data.mult("mosei")),
        _pickle(lambda: tiny_data.mult("mosei", aligned=True), aligned=True),
    ],
    "mosi": [
        _pickle(lambda: tiny_data.mult("mosi")),
        _pickle(lambda: tiny_data.mult("mosi", aligned=True), aligned=True),
    ],
    "mosi_utterance": [_utterances],
    "mosi_words": [_words],
    "own": [_written("own", "write_npz"), _written("aligned", "write_npz", aligned=WORDS)],
    "ravdess": [_written("ravdess", fold=1)],
    "ravdess_speech": [_speech],
    "recordings": [_clips],
    "sims": [_pickle(lambda: tiny_data.mmsa("sims"))],
    "simulated": [lambda folder: (None, SIMULATED), lambda folder: (None, _emotions())],
    "ur_funny": [_written("ur_funny")],
}


def _emotions():
    return {**SIMULATED, "like": "iemocap"}
