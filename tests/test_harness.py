"""The harness passes what is right and fails, by name, on each thing that can be wrong."""

import os

import harness
import keras
import numpy as np
import pytest
from keras import ops

register = keras.saving.register_keras_serializable(package="test_harness")


@register
class Pool(keras.layers.Layer):
    """Project and average the valid steps: a layer that keeps every promise."""

    def __init__(self, width, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.scale = scale
        self.project = keras.layers.Dense(width, dtype=self.dtype_policy, name="project")

    def build(self, sequence_shape, sequence_mask_shape=None):
        self.project.build(sequence_shape)

    def call(self, sequence, sequence_mask):
        weights = ops.expand_dims(ops.cast(sequence_mask, self.compute_dtype), -1)
        total = ops.sum(weights * self.project(sequence), axis=1)
        return self.scale * total / ops.maximum(self.count(weights), 1)

    def count(self, weights):
        return ops.sum(weights, axis=1)

    def compute_output_shape(self, sequence_shape, sequence_mask_shape=None):
        return (sequence_shape[0], self.width)

    def get_config(self):
        return super().get_config() | {"width": self.width, "scale": self.scale}


@register
class ForgetsArgument(Pool):
    def get_config(self):
        config = super().get_config()
        del config["scale"]
        return config


@register
class ChangesArgument(Pool):
    def get_config(self):
        return super().get_config() | {"scale": 1.0}


@register
class UnusedWeight(Pool):
    def build(self, sequence_shape, sequence_mask_shape=None):
        super().build(sequence_shape)
        self.spare = self.add_weight(shape=(3,), initializer="zeros", name="spare")


@register
class WrongShape(Pool):
    def compute_output_shape(self, sequence_shape, sequence_mask_shape=None):
        return (sequence_shape[0], sequence_shape[1], self.width)


@register
class LeakyPadding(Pool):
    def count(self, weights):
        return ops.cast(ops.shape(weights)[1], weights.dtype)


@register
class NanWhenAbsent(Pool):
    def call(self, sequence, sequence_mask):
        outputs = super().call(sequence, sequence_mask)
        valid = ops.cast(ops.any(sequence_mask, axis=1, keepdims=True), outputs.dtype)
        return outputs * (valid / valid)


@register
class WildInputGradient(Pool):
    def call(self, sequence, sequence_mask):
        # The square root of 0 is 0, and its slope infinite.
        zero = ops.square(sequence - ops.stop_gradient(sequence))
        nothing = ops.sum(ops.sqrt(zero), axis=(1, 2))
        return super().call(sequence, sequence_mask) + ops.expand_dims(nothing, -1)


@register
class AlwaysFloat32(Pool):
    def call(self, sequence, sequence_mask):
        return ops.cast(super().call(sequence, sequence_mask), "float32")


class NotRegistered(Pool):
    pass


def pool_inputs():
    random = np.random.default_rng(0)
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2])
    sequence = random.normal(size=(2, 5, 4)).astype("float32") * mask[..., None]
    return {"sequence": sequence, "sequence_mask": mask}


def check_pool(cls):
    harness.check_layer(
        cls,
        {"width": 3, "scale": 2.0},
        pool_inputs(),
        (2, 3),
        sequences=[("sequence", "sequence_mask")],
    )


def test_a_layer_that_keeps_its_promises_passes():
    check_pool(Pool)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (ForgetsArgument, r"get_config\(\) forgets \['scale'\]"),
        (ChangesArgument, "scale=2.0 became 1.0"),
        (UnusedWeight, "weights without a gradient above 1e-07.*spare"),
        (WrongShape, "called on symbols"),
        (LeakyPadding, "padding on the left"),
        (NanWhenAbsent, "all absent: not finite"),
        (WildInputGradient, "gradients that are not finite"),
        (AlwaysFloat32, "dtype bfloat16, eager float32"),
    ],
)
def test_a_broken_layer_fails(cls, message):
    with pytest.raises(AssertionError, match=message):
        check_pool(cls)


def test_a_layer_that_is_not_registered_fails():
    with pytest.raises(TypeError, match="Could not locate class 'NotRegistered'"):
        check_pool(NotRegistered)


def test_an_output_of_another_shape_fails():
    with pytest.raises(AssertionError, match="expected output shapes"):
        harness.check_layer(Pool, {"width": 3}, pool_inputs(), (2, 4))


@register
class AuxiliaryLoss(keras.layers.Layer):
    """Add the mean square of the input, in training or always."""

    def __init__(self, always=False, **kwargs):
        super().__init__(**kwargs)
        self.always = always

    def call(self, inputs, training=False):
        if training or self.always:
            # float32 in every policy: tensorflow cannot add losses of different dtypes.
            self.add_loss(0.1 * ops.mean(ops.square(ops.cast(inputs, "float32"))))
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"always": self.always}


@register
class Mask(keras.layers.Layer):
    def call(self, inputs):
        return ops.any(ops.not_equal(inputs, 0), axis=-1)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape[:-1], dtype="bool")


@register
class ZerosForNone(keras.layers.Layer):
    """Give a pooled vector, and zeros of its shape in the place of an absent modality."""

    def __init__(self, pool, **kwargs):
        super().__init__(**kwargs)
        self.pool = pool
        self.mask = Mask()

    def call(self, inputs, other):
        if inputs is None:
            return ops.zeros((ops.shape(other)[0], self.pool.width), dtype=self.compute_dtype)
        return self.pool(inputs, self.mask(inputs))

    def compute_output_spec(self, inputs, other):
        return keras.KerasTensor((other.shape[0], self.pool.width), dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"pool": keras.saving.serialize_keras_object(self.pool)}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"pool": keras.saving.deserialize_keras_object(config["pool"])})


@register
class BatchMean(keras.layers.Layer):
    def call(self, inputs):
        return inputs - ops.mean(inputs, axis=0, keepdims=True)


@register
class Pair(keras.Model):
    """Two pooled sequences and a head: a model that keeps every promise."""

    pool = Pool
    optional = True
    always = False
    head_dtype = "float32"

    def __init__(self, widths, **kwargs):
        inputs = {
            name: keras.Input((None, width), name=name, optional=self.optional)
            for name, width in widths.items()
        }
        first, second = inputs.values()
        pooled = [
            ZerosForNone(self.pool(6, name="first"))(first, second),
            ZerosForNone(self.pool(6, name="second"))(second, first),
        ]
        joint = AuxiliaryLoss(self.always, name="joint")(keras.layers.Concatenate()(pooled))
        outputs = keras.layers.Dense(1, name="head", dtype=self.head_dtype)(self.last(joint))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.widths = widths
        self.tracker = keras.metrics.Mean(name="joint")

    def last(self, joint):
        return joint

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        for value in self.losses:
            self.tracker.update_state(value)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def test_step(self, *args):
        result = super().test_step(*args)
        logs = result[0] if isinstance(result, tuple) else result
        if not self.always:
            logs.pop("joint")
        return result

    def get_config(self):
        return {"widths": self.widths, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@register
class LeakyPair(Pair):
    pool = LeakyPadding


@register
class NeedsAll(Pair):
    optional = False


@register
class LogsInEvaluation(Pair):
    always = True


@register
class MixesSamples(Pair):
    def last(self, joint):
        return BatchMean()(joint)


@register
class HalfScores(Pair):
    head_dtype = None


@register
class ForgetsWidths(Pair):
    def get_config(self):
        return {"name": self.name}


def check_pair(cls):
    random = np.random.default_rng(0)
    inputs = {
        "text": random.normal(size=(4, 5, 3)).astype("float32"),
        "audio": random.normal(size=(4, 7, 2)).astype("float32"),
    }
    harness.check_model(
        lambda: cls({"text": 3, "audio": 2}),
        inputs,
        random.normal(size=(4, 1)).astype("float32"),
        expected_output_shape=(4, 1),
        auxiliary=["joint"],
    )


def test_a_model_that_keeps_its_promises_passes():
    check_pair(Pair)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (LeakyPair, "padding on the left"),
        (LogsInEvaluation, "expected logs"),
        (MixesSamples, "a sample alone"),
        (HalfScores, "gives bfloat16 under mixed_bfloat16: scores lose digits"),
        (ForgetsWidths, r"get_config\(\) forgets \['widths'\]"),
    ],
)
def test_a_broken_model_fails(cls, message):
    with pytest.raises(AssertionError, match=message):
        check_pair(cls)


def test_a_model_that_needs_every_modality_fails():
    with pytest.raises(Exception, match="None"):
        check_pair(NeedsAll)


def test_workers_share_the_cores():
    """More threads than cores wait for each other, and everything takes many times as long."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    wished = os.environ["WISHED_TEST_THREADS"]
    threads = int(os.environ["OMP_NUM_THREADS"])
    assert wished or threads * workers <= max(workers, os.cpu_count())
