"""The model, its data and its weights on a card."""

from kerasfuse import datasets
from kerasfuse.entries.terms import OWN_TERMS
from kerasfuse.metrics.label_scheme import MOSEI_EMOTIONS
from kerasfuse.zoo.cards.recipe import arguments_text
from kerasfuse.zoo.catalogue import folder
from kerasfuse.zoo.listing import weights_origin


def model_lines(entry):
    """Return the lines of a card that tell what the model is, takes and gives."""
    arguments = dict(entry.model_args)
    inputs = [f"- Input `{name}`: {_shape(size)}" for name, size in arguments["modalities"].items()]
    if "text_encoder" in arguments:
        inputs.insert(0, "- Input `text`: (batch, steps), integer ids of tokens, 0 is padding")
    lines = [f"- Paper: {entry.paper}", *inputs]
    lines.append(f"- Output: {_output(entry, arguments.get('num_outputs', 1))}")
    if entry.parameters is not None:
        lines.append(f"- Size: {entry.parameters:,} parameters")
    lines.append(f"- Built by: `{entry.model_class}({arguments_text(arguments)})`")
    return [*lines, *_recording_lines(entry)]


def _recording_lines(entry):
    features = entry.recording_features
    if features is None:
        return []
    made = ", ".join(f"`{name}`" for name in features.modalities)
    absent = ", ".join(f"`{name}`" for name in features.absent)
    left = f"; {absent} is absent, as no recording has it" if absent else ""
    return [
        f"- Takes recordings: `kerasfuse predict {entry.name} clip.wav` makes {made} of sound or "
        f"video{left}"
    ]


def data_lines(entry):
    """Return the lines of a card that tell what data it is for, and how to get them."""
    arguments = f", {arguments_text(entry.data_args)}" if entry.data_args else ""
    lines = [f'- Read by: `kerasfuse.datasets.load("{entry.data_name}"{arguments})`']
    if entry.simulated:
        return [*lines, "- Where from: SIMULATED, made as they are read; there is nothing to fetch"]
    if entry.data_name == "own":
        return [*lines, "- Where from: your own files"]
    return [
        *lines,
        f"- Where from: {_escaped(datasets.instructions(entry.data_name))} Say where they are by "
        "`--data-dir` or `KERASFUSE_DATA`.",
        f"- Terms: {_terms(entry)}",
    ]


def weights_lines(entry):
    """Return the lines of a card that tell what made the weights, and their terms."""
    weights = entry.weights
    if not weights.file:
        return [f"- None yet. This makes them, from {weights.trained_on}: `{weights.made_by}`"]
    lines = [
        f"- Where from: {weights_origin(entry)}; trained on {weights.trained_on}",
        f"- Made by: `{weights.made_by}`; these are of seed {weights.seed}, the best on validation",
        f"- Terms: {_terms(entry)}. The license of the code does not cover them.",
    ]
    path = folder() / weights.file
    if path.is_file():
        lines.append(f"- File: `{weights.file}`, {path.stat().st_size / 1e6:.1f} MB")
    return [*lines, f"- sha256: `{weights.sha256}`"]


def _output(entry, count):
    names = entry.recipe.targets or datasets.class_names(entry.data_name) or ()
    if entry.recipe.metrics == "mosei_emotions":
        names = MOSEI_EMOTIONS
    of = f" of {', '.join(names)}" if len(names) == count else ""
    return f"(batch, {count}), raw scores{of}"


def _escaped(text):
    # File names with a star are no emphasis.
    return text.replace("*", r"\*")


def _terms(entry):
    if entry.weights.license == OWN_TERMS:
        return OWN_TERMS
    allowed = "allowed" if entry.weights.commercial else "not allowed"
    return f"{entry.weights.license}; commercial use {allowed}"


def _shape(size):
    if isinstance(size, int):
        return f"(batch, steps, {size}), floats, steps of zeros are padding"
    return f"(batch, {', '.join(map(str, size))}), floats"
