"""Start a model's text encoder from pretrained weights."""

from kerasfuse.models.parts.text_encoder import without_pooler
from kerasfuse.optional_packages import require
from kerasfuse.shown import shortened


def load_text_preset(model, preset):
    """Copy the weights of a keras-hub preset into the text encoder of a model.

    Args:
        model: a model with a layer `text_encoder`, such as `DAHB`.
        preset: name of a preset, which keras-hub fetches and keeps, or a local folder.

    Raises:
        ImportError: without keras-hub.
        ValueError: for a model without a text encoder, or one of other sizes.

    Example:

    >>> model = kerasfuse.zoo.load("dahb_mosi", weights=None)
    >>> load_text_preset(model, "bert_base_en_uncased")
    """
    keras_hub = check_text_preset(model, preset)
    pretrained = without_pooler(keras_hub.models.Backbone.from_preset(preset))
    model.get_layer("text_encoder").set_weights(pretrained.get_weights())


def check_text_preset(model, preset):
    """Refuse a preset that there is not, or that a model has no place for; return keras-hub.

    Its weights are not read.

    Raises:
        ImportError: without keras-hub.
        ValueError: for such a preset, and for a model without a text encoder.
    """
    # Not by the name of a layer: a model may have another `text_encoder` among its encoders.
    if not model.get_config().get("text_encoder"):
        raise ValueError(
            "expected a model with a text encoder, as the recipe has a text_preset. "
            f"Received: {type(model).__name__} without one"
        )
    keras_hub = require("keras_hub", "a text_preset", "text", package="keras-hub")
    try:
        found = without_pooler(keras_hub.models.Backbone.from_preset(preset, load_weights=False))
    except (ValueError, OSError) as error:
        raise ValueError(
            "expected text_preset to be the name of a preset of keras-hub, or a folder of one. "
            f"Received: {preset!r} ({shortened(' '.join(str(error).split()))})"
        ) from error
    encoder = model.get_layer("text_encoder")
    wanted, shapes = ([tuple(v.shape) for v in x.variables] for x in (encoder, found))
    if shapes != wanted:
        raise ValueError(
            f"expected the preset {preset!r} to have the sizes that model.text_encoder says. "
            f"Received: {len(shapes)} weights, the first of shape {shapes[0]}, where the model has "
            f"{len(wanted)}, the first of shape {wanted[0]}"
        )
    return keras_hub
