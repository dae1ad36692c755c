"""The settings that a class of model starts with on data that no entry is about."""

from kerasfuse.entries.arguments import model_arguments

# Of the constructor's defaults only what is too large for data of one's own, or has to be said.
_SIZES = {
    "MICA": {"num_layers": 2},
    "MulT": {"num_layers": 2},
    "TextGuidedTransformer": {"dim": 64, "num_layers": 2},
    "LFLSTM": {"dim": 64, "hidden_units": [64]},
    "EFLSTM": {"dim": 64, "hidden_units": [64]},
    "TFN": {"dim": 16, "hidden_units": [64], "output_dropout": 0.2},
    "LMF": {"output_dropout": 0.2},
}
RECIPE = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "clip_norm": 1.0,
    "batch_size": 32,
    "epochs": 60,
    "plateau_factor": 0.5,
    "plateau_patience": 4,
    "early_stopping": 10,
    "seeds": (1, 2, 3),
}
# Three small ones that differ in how they fuse.
RECOMMENDED = ("LMF", "LFLSTM", "LateFusion")


def model_defaults(model_class, modalities, num_outputs):
    """Return arguments of a class of model for data with these modalities.

    Args:
        model_class: its name.
        modalities: dict of modality name to width, or to the shape of an image.
        num_outputs: number of outputs.
    """
    return {
        **_SIZES.get(model_class, {}),
        **needed_arguments(model_class, modalities, num_outputs),
    }


def needed_arguments(model_class, modalities, num_outputs):
    """Return, of those arguments, the ones without which a model does not fit the data."""
    found = {}
    if "encoders" in model_arguments(model_class):
        found["encoders"] = {m: _encoder(size) for m, size in modalities.items()}
    for argument in ("anchor", "guide"):  # "text" by default
        if argument in model_arguments(model_class) and "text" not in modalities:
            found[argument] = next(iter(modalities))
    if model_class == "MMIM" and num_outputs > 1:  # its two classes are those of one number
        found["entropy"] = 0.0
    return found


def _encoder(size):
    if isinstance(size, int):
        return {
            "class": "TransformerEncoder",
            "dim": 32,
            "num_layers": 1,
            "num_heads": 4,
            "dropout": 0.1,
        }
    return {"class": "ResNet18", "width": 16}
