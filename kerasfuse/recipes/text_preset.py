"""Start a model's text encoder from pretrained weights."""

from kerasfuse.models.parts.text_encoder import without_pooler
from kerasfuse.optional_packages import require


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
    keras_hub = check_text_encoder(model)
    encoder = model.get_layer("text_encoder")
    pretrained = without_pooler(keras_hub.models.Backbone.from_preset(preset))
    wanted, found = ([tuple(v.shape) for v in x.variables] for x in (encoder, pretrained))
    if found != wanted:
        raise ValueError(
            f"expected the preset {preset!r} to have the sizes that model.text_encoder says. "
            f"Received: {len(found)} weights, the first of shape {found[0]}, where the model has "
            f"{len(wanted)}, the first of shape {wanted[0]}"
        )
    encoder.set_weights(pretrained.get_weights())


def check_text_encoder(model):
    """Refuse a model that has no text encoder to load a preset into; return keras-hub.

    Raises:
        ImportError: without keras-hub.
        ValueError: for such a model.
    """
    if "text_encoder" not in (layer.name for layer in model.layers):
        raise ValueError(
            "expected a model with a text encoder, as the recipe has a text_preset. "
            f"Received: {type(model).__name__} without one"
        )
    return require("keras_hub", "a text_preset", "text", package="keras-hub")
