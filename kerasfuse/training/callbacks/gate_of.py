"""Find the modality gate of a model."""

from kerasfuse.layers import ModalityGate


def gate_of(model):
    """Return the one `ModalityGate` of `model`, however deep it lies.

    Raises:
        ValueError: when there is none, or more than one.
    """
    gates = [layer for layer in model._flatten_layers() if isinstance(layer, ModalityGate)]
    if len(gates) != 1:
        raise ValueError(
            "expected a model with one `kerasfuse.layers.ModalityGate`, such as HCTMG. "
            f"Received: {model.name!r} with {len(gates)}"
        )
    return gates[0]
