"""Who is primary changes who attends to whom, and nothing else is computed or compiled for it."""

import functools
import itertools

import keras
import numpy as np
import pytest
from keras import ops

from kerasfuse.layers import CrossmodalHierarchy, CrossmodalTransformer

RNG = np.random.default_rng(0)
NAMES = ["pulse", "speech", "eeg"]
STEPS = {"pulse": 5, "speech": 7, "eeg": 6}
Z = {m: RNG.normal(size=(3, n, 8)).astype("float32") for m, n in STEPS.items()}
MASKS = {m: np.ones((3, n), bool) for m, n in STEPS.items()}
MASKS["speech"][1, :3] = False


def hierarchy(**kwargs):
    return CrossmodalHierarchy(NAMES, num_layers=1, num_heads=2, **kwargs)


def numpy(x):
    return ops.convert_to_numpy(x)


def graph(layer):
    """Return a model whose last input is the index of the primary, the same in all rows."""
    streams = {m: keras.Input((n, 8), name=m) for m, n in STEPS.items()}
    masks = {m: keras.Input((n,), dtype="bool", name=f"{m}_mask") for m, n in STEPS.items()}
    index = keras.Input((), dtype="int32", name="index")
    fused = layer(streams, primary=ops.max(index), masks=masks)
    return keras.Model([*streams.values(), *masks.values(), index], fused)


def arrays(index):
    return [*Z.values(), *MASKS.values(), np.full(3, index, "int32")]


@pytest.mark.parametrize("primary", NAMES)
def test_it_is_the_papers_equations(primary):
    layer = hierarchy()
    fused, _, _ = layer(Z, primary=primary, masks=MASKS, return_attention_scores=True)
    layer.w_1.assign(2.0)
    layer.w_2.assign(3.0)
    first, second = (m for m in NAMES if m != primary)

    def cmt(transformer, target, source, target_name, source_name):
        return transformer(
            target, source, query_mask=MASKS[target_name], source_mask=MASKS[source_name]
        )

    a_1 = cmt(layer.to_auxiliary_1, Z[first], Z[second], first, second)
    a_2 = cmt(layer.to_auxiliary_2, Z[second], Z[first], second, first)
    p_1 = cmt(layer.to_primary_1, Z[primary], a_1, primary, first)
    p_2 = cmt(layer.to_primary_2, Z[primary], a_2, primary, second)
    p = layer.summary(ops.concatenate([p_1, p_2], axis=-1), mask=MASKS[primary])
    wanted = np.concatenate([2 * numpy(a_1)[:, -1], 3 * numpy(a_2)[:, -1], numpy(p)], axis=-1)
    fused = layer(Z, primary=primary, masks=MASKS)
    np.testing.assert_allclose(numpy(fused), wanted, atol=1e-5)


def test_a_name_and_its_index_are_the_same():
    layer = hierarchy()
    model = graph(layer)
    for index, name in enumerate(NAMES):
        wanted = numpy(layer(Z, primary=name, masks=MASKS))
        np.testing.assert_allclose(model.predict_on_batch(arrays(index)), wanted, atol=1e-5)
        eager = layer(Z, primary=ops.convert_to_tensor(index), masks=MASKS)
        np.testing.assert_allclose(numpy(eager), wanted, atol=1e-5)


def host_counter(counts):
    """Return an identity that counts the times that it really runs, inside graphs too."""

    def count(x):
        counts.append(1)
        return x

    match keras.config.backend():
        case "jax":
            import jax

            def identity(x):
                jax.debug.callback(lambda: counts.append(1))
                return x

            return identity
        case "tensorflow":
            import tensorflow as tf

            def identity(x):
                y = tf.py_function(count, [x], x.dtype)
                y.set_shape(x.shape)
                return y

            return identity
    return count


def settle():
    """Wait until every callback that a graph has started is through."""
    if keras.config.backend() == "jax":
        import jax

        jax.effects_barrier()


def test_what_was_not_chosen_is_not_computed_and_no_switch_makes_a_new_graph(monkeypatch):
    runs, traces = [], []
    seen = host_counter(runs)
    call = CrossmodalTransformer.call

    @functools.wraps(call)  # Keras reads the signature
    def counting(self, query, *args, **kwargs):
        traces.append(1)
        return call(self, seen(query), *args, **kwargs)

    monkeypatch.setattr(CrossmodalTransformer, "call", counting)
    model = graph(hierarchy())
    outputs = [model.predict_on_batch(arrays(0))]
    settle()
    runs.clear()
    traced = len(traces)
    for index in (1, 2, 0):
        outputs.append(model.predict_on_batch(arrays(index)))
    settle()
    # Four transformers a batch, of the twelve that the three orders have.
    assert len(runs) == 3 * 4
    if keras.config.backend() != "torch":  # which has no graph
        assert len(traces) == traced
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
    assert np.abs(outputs[1] - outputs[2]).max() > 1e-3
    np.testing.assert_allclose(outputs[0], outputs[3], atol=1e-6)


class InTraining(keras.layers.Layer):
    """Call a layer as training does, wherever it is called."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs, primary, masks):
        return self.layer(inputs, primary=primary, masks=masks, training=True)


def test_dropout_is_on_in_the_chosen_branch_in_training_only():
    layer = hierarchy(residual_dropout=0.5)
    # Without the gradient, which takes most of the time that a training step takes to compile:
    # test_hct_mg.py trains all branches, with dropout.
    still, training = graph(layer), graph(InTraining(layer))
    for index in range(3):
        outputs = [still.predict_on_batch(arrays(index)) for _ in range(2)]
        np.testing.assert_allclose(*outputs, atol=1e-6)
        outputs = [training.predict_on_batch(arrays(index)) for _ in range(3)]
        for one, other in itertools.combinations(outputs, 2):
            assert np.abs(one - other).max() > 1e-3


def test_attention_of_a_known_primary():
    layer = hierarchy()
    _, mass, maps = layer(Z, primary="eeg", masks=MASKS, return_attention_scores=True)
    np.testing.assert_allclose(numpy(mass).sum(1), 1.0, atol=1e-5)
    assert set(maps) == {
        "0/speech_to_pulse",
        "0/pulse_to_speech",
        "0/pulse_to_eeg",
        "0/speech_to_eeg",
    }
    attention = numpy(maps["0/speech_to_eeg"])
    assert attention.shape == (3, 6, 7) and attention[1, :, :3].max() == 0.0
    np.testing.assert_allclose(attention.sum(-1), 1.0, atol=1e-5)
    with pytest.raises(ValueError, match="the name of the primary"):
        layer(Z, primary=ops.convert_to_tensor(2), masks=MASKS, return_attention_scores=True)


def test_wrong_arguments_are_told():
    for names in (["text", "audio"], ["text", "audio", "vision", "eeg"], ["text", "text", "eeg"]):
        with pytest.raises(ValueError, match="three different modalities"):
            CrossmodalHierarchy(names, num_layers=1, num_heads=2)
    with pytest.raises(ValueError, match="one of .*'eeg'.*Received: 'smell'"):
        hierarchy()(Z, primary="smell", masks=MASKS)
