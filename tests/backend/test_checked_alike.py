"""What reads sequences that share their steps waits until a graph has checked that they do."""

import keras
import numpy as np
import pytest

from kerasfuse import backend

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="only graphs of TensorFlow learn sizes late"
)


def traced(before=None):
    """Trace a function; `before` gets, for each tensor, what runs before it, as it was made.

    The outputs of a function wait for its checks in any case, its operations do not.
    """
    import tensorflow

    spec = tensorflow.TensorSpec([2, None])

    @tensorflow.function(input_signature=[spec, spec])
    def both(text, audio):
        sizes = [tensorflow.shape(x)[1] for x in (text, audio)]
        inputs = {"text": text, "audio": audio, "absent": None}
        found = backend.checked_alike(inputs, sizes, "expected aligned sequences")
        assert found["absent"] is None
        if before is not None:
            for name in ("text", "audio"):
                before[name] = [one.name.lower() for one in found[name].op.control_inputs]
        return found["text"], found["audio"]

    return both


def test_the_tensors_depend_on_the_check():
    # By the edges of the graph: which of two free operations runs first changes from run to run.
    before = {}
    traced(before).get_concrete_function()
    for name in ("text", "audio"):
        assert any("assert" in one for one in before[name]), before


def test_alike_passes_and_unlike_is_refused():
    import tensorflow

    short, long = np.ones((2, 3), "float32"), np.ones((2, 4), "float32")
    for x in traced()(short, short):
        np.testing.assert_array_equal(x, short)
    with pytest.raises(tensorflow.errors.InvalidArgumentError, match="expected aligned sequences"):
        traced()(short, long)
