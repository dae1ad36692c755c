"""Whatever an argument of a model is, it can be trained with or is refused in a sentence."""

import inspect

import keras
import numpy as np
import pytest
from test_models import ROWS

from kerasfuse import models
from kerasfuse.entries.argument_kinds import check_kinds
from kerasfuse.entries.building import build

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="arguments are checked alike on every backend"
)

FIRST = {name: arguments for name, arguments in reversed(ROWS.MODELS)}
ODD = ["mosi", -1, 0.5, float("nan"), True, [1], {"a": 1}, {"text": 1, "audio": 2}]


@pytest.mark.parametrize("name", FIRST)
def test_arguments_of_any_kind(name):
    cls = getattr(models, name)
    x, y = ROWS.batch(name)
    for argument, parameter in inspect.signature(cls).parameters.items():
        refused = 0
        for value in ODD:
            if (
                argument in ("modalities", "text_encoder")
                or parameter.kind is parameter.VAR_KEYWORD
            ):
                break
            arguments = {**FIRST[name], argument: value}
            try:
                check_kinds(cls, arguments)
                model = build(cls, {"modalities": ROWS.widths(name), **arguments})
            except ValueError as error:
                assert str(error).startswith("expected "), (argument, value, str(error))
                refused += 1
                continue
            model.compile(keras.optimizers.SGD(1e-3), "mae")
            labels = np.repeat(y, model.num_outputs, axis=1)
            try:
                losses = model.train_on_batch(x, labels)
            except Warning as warning:
                raise AssertionError((argument, value)) from warning
            assert np.isfinite(losses).all(), (argument, value)
        else:
            assert refused, argument
