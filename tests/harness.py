"""The one check of a layer and the one check of a model, on whichever backend runs.

`check_layer` and `check_model` hold what every class of the library promises, so that a test of
a class adds only what is its own. Both fail with a message that names the promise.
"""

import contextlib
import inspect
import json
import pathlib
import re
import tempfile
import warnings

import keras
import numpy as np
from keras import tree

# A softmax does not change when every logit of a row gets the same term, which is all that the
# bias of the keys adds: its gradient is 0 in exact arithmetic.
KEY_BIAS = r"key[^/]*[/_]bias$"

# Weight after one SGD step = weight - RATE * gradient. The power of two keeps the division
# exact, and its size keeps a gradient of 1e-7 visible beside a float32 weight of 1.
RATE = 1024.0

SMALLEST_GRADIENT = 1e-7
SIDES = ["left", "right"]
# A compiled graph adds up in another order than eager calls do.
COMPILED = 1e-5
# Half a minute for the training step of a model: such a backend makes no two where one will do.
COMPILES = keras.config.backend() != "torch"


def check_layer(
    cls,
    init_kwargs,
    call_inputs,
    expected_output_shape,
    *,
    call_kwargs=None,
    sequences=(),
    without_gradient=(),
):
    """Check what a layer promises.

    - Its config holds every argument of the constructor and gives the same layer back.
    - With copied weights, and after `.keras` and `.weights.h5`, outputs are the same.
    - Symbolic outputs have the shapes and dtypes of eager ones, with steps known or unknown.
    - A fit step runs, gradients are finite, and each weight gets one above 1e-7.
    - It runs and trains in mixed precision, near the float32 result.
    - Zero padding before or after a sequence, and an absent one, harm nothing.

    Args:
        cls: the layer's class, registered with Keras.
        init_kwargs: dict of constructor arguments.
        call_inputs: dict of `call` argument -> numpy array, or a list of arrays. Batch first.
        expected_output_shape: shape with the batch, or a list of shapes, one an output.
        call_kwargs: dict of the `call` arguments that are no tensors.
        sequences: groups of `call` arguments that are padded together, each argument a name
            (steps on axis 1) or `(name, axis)`: `[("query", "query_mask"), ("value",)]`.
        without_gradient: regular expressions of weight paths that rightly get no gradient.
    """
    call_kwargs = call_kwargs or {}
    groups = [[(i, 1) if isinstance(i, str) else i for i in group] for group in sequences]

    layer = cls(**init_kwargs)
    eager = _call(layer, call_inputs, call_kwargs)
    _randomise(layer)
    outputs = _call(layer, call_inputs, call_kwargs)
    shapes = [tuple(value.shape) for value in eager]
    expected = _as_shapes(expected_output_shape)
    assert shapes == expected, f"{cls.__name__}: expected output shapes {expected}, got {shapes}"
    _assert_finite(outputs, cls.__name__)

    twin = _check_config(layer, init_kwargs)
    _call(twin, call_inputs, call_kwargs)
    twin.set_weights(layer.get_weights())
    _assert_same(_call(twin, call_inputs, call_kwargs), outputs, "from_config, weights copied")

    symbolic = layer(**_symbols(call_inputs), **call_kwargs)
    _assert_same_spec(symbolic, eager, f"{cls.__name__}, called on symbols")
    for free in ({}, _axes(groups)):
        graph = _functional(layer, call_inputs, call_kwargs, free=free)
        _assert_same_spec(graph.outputs, eager, "the functional graph")
        flat = _flat(call_inputs)
        compiled = _predict(graph, flat)
        _assert_same(compiled, outputs, "a functional model's predict", COMPILED)
    _check_saving(graph, _functional(twin, call_inputs, call_kwargs), flat, compiled)

    probed = _functional(layer, call_inputs, call_kwargs, probe=True)
    targets = _random_like(outputs)

    def train(inputs, what):
        return _gradients(probed, _flat(inputs), targets, "mse", what)

    gradients = train(call_inputs, "random data")
    _assert_all_receive(gradients, [*without_gradient, "input_probe"])

    for policy in _mixed_policies():
        half = cls(**init_kwargs, dtype=policy)
        _call(half, call_inputs, call_kwargs)
        half.set_weights(layer.get_weights())
        _assert_near(_call(half, call_inputs, call_kwargs), outputs, policy)
        symbolic = half(**_symbols(call_inputs), **call_kwargs)
        eager = half(**_tensors(call_inputs), **call_kwargs)
        _assert_same_spec(symbolic, tree.flatten(eager), f"{policy}, called on symbols")
        with _dtype_policy(policy):
            graph = _functional(cls(**init_kwargs), call_inputs, call_kwargs, probe=True)
        _train_in_half(graph, flat, _random_like(outputs), "mse", policy)

    for side in SIDES:
        padded, wanted = call_inputs, outputs
        for extra, group in enumerate(groups, start=2):
            for name, axis in group:
                padded = padded | {name: _pad(padded[name], extra, side, axis)}
        got = [
            _crop(value, np.shape(reference), side)
            for value, reference in zip(_call(layer, padded, call_kwargs), wanted, strict=True)
        ]
        _assert_same(got, wanted, f"padding on the {side}", tolerance=1e-5)

    for group in groups:
        names = [name for name, _ in group]
        absent = call_inputs | {n: tree.map_structure(np.zeros_like, call_inputs[n]) for n in names}
        _assert_finite(_call(layer, absent, call_kwargs), f"{names} all absent")
        train(absent, f"{names} all absent")


def check_model(
    build,
    inputs,
    targets,
    *,
    loss="mse",
    expected_output_shape=None,
    auxiliary=(),
    without_gradient=(),
    aligned=False,
):
    """Check what a model promises.

    - Its config holds every argument of the constructor and gives the same model back.
    - With copied weights, and after `.keras` and `.weights.h5`, outputs are the same.
    - Symbolic outputs have the shapes and dtypes of eager ones; a sample's output does not
      depend on the batch it is in.
    - A fit step runs, logs the auxiliary losses in training only, gradients are finite, and each
      weight gets one above 1e-7.
    - It runs in mixed precision, near the float32 result and with float32 outputs, and trains
      where that is not compiled (`check_layer` trains its parts everywhere).
    - Zero padding before or after a sequence changes no output by more than 1e-5.
    - An absent modality, zeros or None, gives finite outputs (the same), loss and gradients.
      Where None is a program of its own to compile, one modality is None, and in prediction.

    Args:
        build: function that returns the model, not compiled. Called under several dtype policies.
        inputs: dict of modality -> numpy array, batch first. Arrays of rank 3, and of rank 2 with
            integers, are sequences; others have no padding.
        targets: numpy array.
        loss: what `compile` takes.
        expected_output_shape: shape with the batch, or a list of shapes.
        auxiliary: names of the auxiliary losses that training logs.
        without_gradient: regular expressions of weight paths that rightly get no gradient.
        aligned: whether the sequences share their steps, so that all are padded alike.
    """
    model = build()
    name = type(model).__name__
    _randomise(model)
    outputs = _predict(model, inputs)
    _assert_finite(outputs, name)
    if expected_output_shape is not None:
        shapes = [tuple(value.shape) for value in outputs]
        expected = _as_shapes(expected_output_shape)
        assert shapes == expected, f"{name}: expected output shapes {expected}, got {shapes}"

    twin = _check_config(model, {})
    twin.set_weights(model.get_weights())
    _assert_same(_predict(twin, inputs), outputs, "from_config, weights copied")

    eager = tree.flatten(model(_tensors(inputs)))
    _assert_same_spec(model.outputs, eager, f"{name}.outputs")
    _assert_same_spec(model(_symbols(inputs)), eager, f"{name}, called on symbols")
    _assert_same(
        [_numpy(value) for value in eager], outputs, "an eager call against predict", COMPILED
    )
    alone = _outputs(model, {key: value[:1] for key, value in inputs.items()})
    first = [value[:1] for value in outputs]
    _assert_same(alone, first, "a sample alone", tolerance=1e-5)
    _check_saving(model, twin, inputs, outputs)

    logs = {"loss", "val_loss", *auxiliary}
    gradients = _gradients(model, inputs, targets, loss, "random data", logs)
    _assert_all_receive(gradients, without_gradient)

    for policy in _mixed_policies():
        with _dtype_policy(policy):
            half = build()
        half.set_weights(model.get_weights())
        _assert_near(_predict(half, inputs), outputs, policy)
        _assert_float32_scores(half, inputs, policy)
        if not COMPILES:
            _train_in_half(half, inputs, targets, loss, policy)

    # As many steps on one side as on both together: one shape, which is compiled once.
    for side, sides in {"left": 2 * ["left"], "right": 2 * ["right"], "both": SIDES}.items():
        padded = inputs
        for each in sides:
            padded = _pad_all(padded, each, aligned)
        got = _outputs(model, padded)
        _assert_same(got, outputs, f"padding on the {side}", tolerance=1e-5)

    for modality, values in inputs.items():
        zeros = inputs | {modality: np.zeros_like(values)}
        blank = _predict(model, zeros)
        _assert_finite(blank, f"{modality} all zeros")
        _gradients(model, zeros, targets, loss, f"{modality} all zeros")
        if COMPILES and modality != next(iter(inputs)):
            continue
        none = inputs | {modality: None}
        _assert_same(_predict(model, none), blank, f"{modality}=None against zeros", 1e-5)
        if not COMPILES:
            _gradients(model, none, targets, loss, f"{modality}=None")


@keras.saving.register_keras_serializable(package="harness")
class InputProbe(keras.layers.Layer):
    """Add a trainable zero, whose gradient is that of the input summed over batch and steps."""

    def build(self, input_shape):
        self.zero = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="zero")

    def call(self, inputs):
        return inputs + self.zero

    def compute_output_shape(self, input_shape):
        return input_shape


# -- config and files ------------------------------------------------------------------------


def _check_config(instance, init_kwargs):
    """Return what `from_config` makes of the instance's config."""
    cls = type(instance)
    config = instance.get_config()
    json.dumps(keras.saving.serialize_keras_object(instance))
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    missing = [p.name for p in parameters if p.kind not in kinds and p.name not in config]
    assert not missing, f"{cls.__name__}.get_config() forgets {missing}"
    for name, given in init_kwargs.items():
        # Others, such as the name of an initializer, are serialised in a form of their own.
        if type(config[name]) is type(given) and isinstance(given, bool | int | float | str):
            kept = config[name]
            assert kept == given, f"{cls.__name__}: {name}={given!r} became {kept!r} in get_config"
    twin = cls.from_config(config)
    again = twin.get_config()
    assert again == config, f"{cls.__name__}.from_config gives another config: {again} != {config}"
    return twin


def _check_saving(model, twin, inputs, outputs):
    """Save the model; load the file, and the weights into its twin."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        model.save(path / "model.keras")
        loaded = keras.saving.load_model(path / "model.keras")
        _assert_same(_predict(loaded, inputs), outputs, "save and load of .keras")
        model.save_weights(path / "model.weights.h5")
        twin.set_weights([np.zeros_like(weight) for weight in twin.get_weights()])
        twin.load_weights(path / "model.weights.h5")
        _assert_same(_predict(twin, inputs), outputs, "save and load of .weights.h5")


# -- training --------------------------------------------------------------------------------


def _fit_once(model, inputs, targets, what, validate=False):
    """Train one step on everything and return the history."""
    size = len(tree.flatten(targets)[0])
    with warnings.catch_warnings():
        # Reported below, by the weight's name.
        warnings.filterwarnings("ignore", message="Gradients do not exist")
        history = model.fit(
            inputs,
            targets,
            batch_size=size,
            shuffle=False,
            validation_data=(inputs, targets) if validate else None,
            verbose=0,
        ).history
    for name, values in history.items():
        # What is validated has made one giant step.
        finite = name.startswith("val_") or np.isfinite(values).all()
        assert finite, f"training {name} {values} with {what}"
    return history


def _gradients(model, inputs, targets, loss, what, logs=None):
    """Return weight path -> gradient of the training loss; weights and states stay as they were.

    One step of plain SGD is the one way to a gradient that the backends share. With `logs`, it
    is validated too, and has to log these names.
    """
    before = [_numpy(variable) for variable in model.trainable_variables]
    if not before:
        return {}
    kept = model.get_weights()
    if not model.compiled:
        model.compile(optimizer=keras.optimizers.SGD(RATE), loss=loss)
    states = [(variable, _numpy(variable)) for variable in model.non_trainable_variables]
    history = _fit_once(model, inputs, targets, what, validate=logs is not None)
    assert logs is None or set(history) == logs, f"expected logs {logs}, got {set(history)}"
    for variable, old in states:
        variable.assign(old)
    gradients = {}
    for variable, old in zip(model.trainable_variables, before, strict=True):
        gradients[variable.path] = (old - _numpy(variable)) / RATE
    # Statistics that training moves, too.
    model.set_weights(kept)
    wild = [path for path, value in gradients.items() if not np.isfinite(value).all()]
    assert not wild, f"gradients that are not finite with {what}: {wild}"
    return gradients


def _assert_all_receive(gradients, exempt):
    pattern = re.compile("|".join([KEY_BIAS, *exempt]))
    largest = {
        path: np.abs(value).max(initial=0.0)
        for path, value in gradients.items()
        if not pattern.search(path)
    }
    idle = [path for path, value in largest.items() if value <= SMALLEST_GRADIENT]
    assert not idle, f"weights without a gradient above {SMALLEST_GRADIENT}: {idle}"


def _assert_float32_scores(model, inputs, policy):
    outputs = list(model.outputs)
    if not COMPILES:
        outputs += tree.flatten(model(_tensors(inputs)))
    for output in outputs:
        dtype = keras.backend.standardize_dtype(output.dtype)
        assert dtype == "float32", f"{model.name} gives {dtype} under {policy}: scores lose digits"


def _train_in_half(model, inputs, targets, loss, policy):
    if not model.trainable_variables:
        return
    model.compile(optimizer=keras.optimizers.SGD(1e-3), loss=loss)
    _fit_once(model, inputs, targets, policy)
    for variable in model.trainable_variables:
        dtype = keras.backend.standardize_dtype(variable.dtype)
        assert dtype == "float32", f"{variable.path} is {dtype} under {policy}"
    _assert_finite(model.get_weights(), f"weights after a {policy} step")


# -- precision -------------------------------------------------------------------------------


def _mixed_policies():
    """Return the mixed policies that the backend can run on this device."""
    # jax has no float16 matrix product on a CPU.
    if keras.config.backend() == "jax" and _jax_on_cpu():
        return ["mixed_bfloat16"]
    return ["mixed_bfloat16", "mixed_float16"]


def _jax_on_cpu():
    import jax

    return jax.default_backend() == "cpu"


@contextlib.contextmanager
def _dtype_policy(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


# -- calls -----------------------------------------------------------------------------------


def _call(layer, call_inputs, call_kwargs):
    return [_numpy(v) for v in tree.flatten(layer(**_tensors(call_inputs), **call_kwargs))]


def _predict(model, inputs):
    return [np.asarray(v, "float32") for v in tree.flatten(model.predict(inputs, verbose=0))]


def _outputs(model, inputs):
    """Call the model once on inputs of a new shape."""
    if keras.config.backend() == "jax":
        # Eager, it would compile hundreds of operations for each shape.
        return _predict(model, inputs)
    return [_numpy(value) for value in tree.flatten(model(_tensors(inputs)))]


def _numpy(tensor):
    array = keras.ops.convert_to_numpy(tensor)
    # numpy itself has no bfloat16.
    return array.astype("float32") if array.dtype.kind in "fV" else array


def _tensors(inputs):
    return tree.map_structure(keras.ops.convert_to_tensor, inputs)


def _symbols(inputs):
    return tree.map_structure(lambda v: keras.KerasTensor(v.shape, dtype=v.dtype.name), inputs)


def _flat(call_inputs):
    """Return name -> array, a list's arrays under numbered names."""
    flat = {}
    for name, value in call_inputs.items():
        leaves = tree.flatten(value)
        nested = tree.is_nested(value)
        flat |= {f"{name}_{i}" if nested else name: leaf for i, leaf in enumerate(leaves)}
    return flat


def _functional(layer, call_inputs, call_kwargs, *, free=None, probe=False):
    """Return a functional model of one layer, with the axes in `free` (name -> axes) unknown."""
    free = free or {}
    inputs, arguments = {}, {}
    for name, value in call_inputs.items():
        symbols = []
        for key, leaf in _flat({name: value}).items():
            shape = [
                None if axis == 0 or axis in free.get(name, ()) else size
                for axis, size in enumerate(leaf.shape)
            ]
            inputs[key] = keras.Input(batch_shape=shape, dtype=leaf.dtype.name, name=key)
            wanted = probe and leaf.dtype.kind == "f"
            symbols.append(InputProbe()(inputs[key]) if wanted else inputs[key])
        arguments[name] = tree.pack_sequence_as(value, symbols)
    return keras.Model(inputs, tree.flatten(layer(**arguments, **call_kwargs)))


def _randomise(layer):
    """Move every trainable weight off its initial value, zeros and ones above all."""
    random = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign(_numpy(variable) + 0.1 * random.normal(size=variable.shape))


def _random_like(outputs):
    random = np.random.default_rng(1)
    return [random.normal(size=value.shape).astype("float32") for value in outputs]


# -- padding ---------------------------------------------------------------------------------


def _axes(groups):
    axes = {}
    for name, axis in (item for group in groups for item in group):
        axes.setdefault(name, set()).add(axis)
    return axes


def _pad(value, extra, side, axis=1):
    def pad(array):
        widths = [(0, 0)] * array.ndim
        widths[axis] = (extra, 0) if side == "left" else (0, extra)
        return np.pad(array, widths)

    return tree.map_structure(pad, value)


def _pad_all(inputs, side, aligned):
    padded = {}
    for extra, (name, value) in enumerate(inputs.items(), start=2):
        extra = 2 if aligned else extra
        is_sequence = value.ndim == 3 or (value.ndim == 2 and value.dtype.kind in "iu")
        padded[name] = _pad(value, extra, side) if is_sequence else value
    return padded


def _crop(value, shape, side):
    """Cut `value` down to `shape`, taking away the side that was padded."""
    keep = [
        slice(size - wanted, None) if side == "left" else slice(wanted)
        for size, wanted in zip(value.shape, shape, strict=True)
    ]
    return value[tuple(keep)]


# -- comparisons -----------------------------------------------------------------------------


def _as_shapes(shape):
    nested = isinstance(shape, list) or isinstance(shape[0], tuple)
    return [tuple(s) for s in shape] if nested else [tuple(shape)]


def _assert_finite(values, what):
    assert all(np.isfinite(value).all() for value in values), f"{what}: not finite"


def _assert_same(got, wanted, what, tolerance=1e-6):
    """Compare to `tolerance`, absolute below 1 and relative above."""
    got = tree.flatten(got)
    assert len(got) == len(wanted), f"{what}: {len(got)} outputs instead of {len(wanted)}"
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=what)


def _assert_near(got, wanted, policy):
    """Compare a half-precision result: bfloat16 keeps 8 bits, float16 keeps 11."""
    tolerance = {"mixed_bfloat16": 0.1, "mixed_float16": 0.02}[policy]
    for one, other in zip(got, wanted, strict=True):
        scale = 1 + np.abs(other).max(initial=0.0)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale, err_msg=policy)


def _assert_same_spec(symbolic, eager, what):
    symbolic = tree.flatten(symbolic)
    assert len(symbolic) == len(eager), f"{what}: {len(symbolic)} outputs, eager {len(eager)}"
    for spec, value in zip(symbolic, eager, strict=True):
        fits = len(spec.shape) == len(value.shape) and all(
            a is None or a == b for a, b in zip(spec.shape, value.shape, strict=True)
        )
        assert fits, f"{what}: shape {spec.shape}, but the eager result has {tuple(value.shape)}"
        dtypes = [keras.backend.standardize_dtype(v.dtype) for v in (spec, value)]
        assert dtypes[0] == dtypes[1], f"{what}: dtype {dtypes[0]}, eager {dtypes[1]}"
