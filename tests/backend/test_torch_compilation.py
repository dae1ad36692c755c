"""With `jit_compile` PyTorch runs one program for each set of shapes, with the same results."""

import keras
import numpy as np
import pytest

from kerasfuse import layers, models

pytestmark = pytest.mark.skipif(keras.config.backend() != "torch", reason="for PyTorch alone")

WIDTHS = {"text": 6, "audio": 3, "vision": 2}
SMALL = {"dim": 4, "num_heads": 1, "num_layers": 1}
MODELS = {
    "MulT": lambda: models.MulT(WIDTHS, **SMALL),
    "MICA": lambda: models.MICA(WIDTHS, beta=0.5, **SMALL),
    "HCTMG": lambda: models.HCTMG(WIDTHS, **SMALL),
    "LMF": lambda: models.LMF(WIDTHS, dim=3, rank=1),
    # Its labels come from what the step computed.
    "SelfMM": lambda: models.SelfMM(WIDTHS, num_samples=3),
}


@pytest.fixture
def compiled(monkeypatch):
    """Make programs of PyTorch's own operations, which takes seconds; return how many."""
    import torch._dynamo
    from functorch.compile import make_boxed_func
    from torch._dynamo.backends.common import aot_autograd

    from kerasfuse.backend import torch_compilation

    programs = []

    def compiler(graph, inputs):
        programs.append(graph)
        return make_boxed_func(graph.forward)

    monkeypatch.setattr(torch_compilation, "COMPILER", aot_autograd(fw_compiler=compiler))
    torch._dynamo.reset()
    return programs


def batch(steps=3, samples=3, seed=0):
    rng = np.random.default_rng(seed)
    inputs = {m: rng.normal(size=(samples, steps, w)) for m, w in WIDTHS.items()}
    inputs = {m: x.astype("float32") for m, x in inputs.items()}
    return inputs, rng.normal(size=(samples, 1)).astype("float32")


def make(name, **options):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    for layer in model._flatten_layers():
        # The numbers of a program are not those of the steps that it stands for.
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    if name == "HCTMG":
        # A choice that no step changes.
        model.get_layer("gate").logits.assign([5.0, 0.0, 0.0])
    model.compile(keras.optimizers.SGD(0.1), "mae", **options)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_the_second_step_compiles_nothing_and_losses_are_those_without(name, compiled):
    model, other = make(name, jit_compile=True), make(name)
    counts = []
    for seed in range(3):
        data = batch(seed=seed)
        found, expected = (m.train_on_batch(*data, return_dict=True) for m in (model, other))
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
        counts.append(len(compiled))
    # One of the step, and one of its gradients.
    assert counts == [2, 2, 2]
    np.testing.assert_allclose(
        model.predict(data[0], verbose=0), other.predict(data[0], verbose=0), rtol=1e-4, atol=1e-5
    )
    assert len(compiled) == 3


def test_another_shape_is_another_program_and_the_first_stays(compiled):
    model = make("LMF", jit_compile=True)
    for steps in (3, 5, 3, 5):
        model.train_on_batch(*batch(steps))
    assert len(compiled) == 4


def test_more_shapes_than_pytorch_counts_by_itself(compiled):
    import torch

    model = make("LMF", jit_compile=True)
    with torch._dynamo.config.patch(recompile_limit=2):
        for samples in (2, 3, 4, 5):
            model.predict_on_batch(batch(samples=samples)[0])
    assert len(compiled) == 4


def test_states_that_a_step_leaves_are_those_without(compiled):
    def made(**options):
        keras.utils.set_random_seed(0)
        model = models.LateFusion(
            {"image": (32, 32, 1), "audio": 2},
            num_outputs=1,
            encoders={"image": layers.ResNet18(8), "audio": layers.LSTMEncoder(3)},
        )
        # A small step: norms of so few positions magnify how two programs round.
        model.compile(keras.optimizers.SGD(0.01), "mae", **options)
        return model

    rng = np.random.default_rng(0)
    inputs = {"image": rng.normal(size=(8, 32, 32, 1)), "audio": rng.normal(size=(8, 3, 2))}
    model, other = made(jit_compile=True), made()
    for each in (model, other):
        each.train_on_batch(inputs, rng.normal(size=(8, 1)) * 0)
    assert compiled
    for found, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_dropout_draws_anew_at_each_step(compiled):
    keras.utils.set_random_seed(0)
    model = models.LMF(WIDTHS, dim=3, rank=1, output_dropout=0.5)
    model.compile(keras.optimizers.SGD(0.0), "mae", jit_compile=True)
    data = batch(samples=8)
    assert len({float(model.train_on_batch(*data)) for _ in range(3)}) == 3


def test_a_gate_that_draws_its_choice_is_not_compiled(compiled):
    model = models.HCTMG(WIDTHS, **SMALL, gate="straight_through_gumbel")
    model.compile("sgd", "mae", jit_compile=True)
    model.train_on_batch(*batch())
    assert not compiled


def test_a_program_is_of_the_choice_that_the_gate_made(compiled):
    model, other = make("HCTMG", jit_compile=True), make("HCTMG")
    inputs, _ = batch()
    outputs = []
    for primary in ("text", "vision"):
        logits = [5.0 * (name == primary) for name in WIDTHS]
        for each in (model, other):
            each.get_layer("gate").logits.assign(logits)
        outputs.append(model.predict(inputs, verbose=0))
        np.testing.assert_allclose(outputs[-1], other.predict(inputs, verbose=0), rtol=1e-4)
    assert len(compiled) == 2 and not np.allclose(*outputs)


def test_scores_that_are_replaced_count(compiled):
    model = make("MulT", jit_compile=True)
    inputs, _ = batch()
    before = model.predict_on_batch(inputs)
    block = model.get_layer("audio_to_text_block_0")
    with block.attention.replacing(lambda scores, mask: scores * 0.0):
        assert not np.allclose(model.predict_on_batch(inputs), before)
    np.testing.assert_allclose(model.predict_on_batch(inputs), before)


def test_a_layer_that_is_frozen_after_a_step_stays_as_it_is(compiled):
    model, other = make("LMF", jit_compile=True), make("LMF")
    for each in (model, other):
        each.train_on_batch(*batch())
        each.layers[-1].trainable = False
        each.train_on_batch(*batch(seed=1))
    for found, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_a_saved_model_comes_back_compiled(tmp_path):
    make("LMF", jit_compile=True).save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").compiled


def test_compiling_the_model_again_forgets_the_programs(compiled):
    model = make("LMF", jit_compile=True)
    model.train_on_batch(*batch())
    model.compile("sgd", "mae")
    model.train_on_batch(*batch())
    assert len(compiled) == 2
