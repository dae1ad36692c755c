"""FusionModel: what every model of the library shares."""

import os
import types
from collections.abc import Callable
from typing import Any, ClassVar, Self

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse.layers.attention.replaceable_scores import ReplaceableScores
from kerasfuse.layers.sublayer import calls_are_watched
from kerasfuse.models.parts.auxiliary_loss_tracking import AuxiliaryLossTracking
from kerasfuse.models.parts.built_in_first_step import BuiltInFirstStep
from kerasfuse.nearest_names import close_to


class FusionModel(AuxiliaryLossTracking, BuiltInFirstStep, keras.Model):
    """A functional model over named modalities, with named auxiliary losses and intermediates.

    Subclasses build a functional graph and hand it to `super().__init__(inputs, outputs)`; then
    they call `_offer_intermediates`. What they get:

    - The losses of its `kerasfuse.layers.AuxiliaryLoss` layers show under their names in the
      progress bar and in `History`, see `AuxiliaryLossTracking`.
    - `intermediates` lists what the model can show of its inner life, and `extract` shows it.
    - A wrong set of modalities, or a wrong width, is told in one sentence. So are different numbers
      of steps, to a model that sets `word_aligned` because it takes a step of every modality at a
      time.
    """

    word_aligned = False
    # Whether more zero steps at either end change no output.
    ignores_padding = True
    # `(class, name, weights)` to a model; `kerasfuse/__init__.py` sets it to one of the zoo's.
    preset_loader: ClassVar[Callable[..., Any]]
    # How inputs are made of a recording, where the entry of the zoo that it comes from says it.
    recording_features: Any = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._track_auxiliary_losses()
        self._offered = {}
        # Not an attribute of the model itself, where Keras would look into it.
        layers = [x for x in self._flatten_layers() if isinstance(x, ReplaceableScores)]
        self._programs = types.SimpleNamespace(calls=None, loss=None, replaceable=layers)

    @classmethod
    def from_preset(
        cls, name: str | os.PathLike[str], weights: str | os.PathLike[str] | None = "default"
    ) -> Self:
        """Build the model of an entry of the zoo and load its weights: `kerasfuse.zoo.load`.

        Args:
            name: the name of an entry whose model is of this class, or the address of one.
            weights: as in `kerasfuse.zoo.load`.

        Returns:
            A model of this class that is not compiled.

        Raises:
            ValueError: for an entry of another class of model, and what `kerasfuse.zoo.load`
                raises.

        Example:

        >>> kerasfuse.models.MICA.from_preset("mica_mosei").modalities
        {'text': 300, 'audio': 74, 'vision': 35}
        """
        return cls.preset_loader(cls, name, weights)

    @property
    def intermediates(self):
        """Names of what `extract` can return."""
        return list(self._offered)

    def extract(self, *names):
        """Return a model from the same inputs to the named intermediates, sharing all weights.

        Args:
            *names: some of `self.intermediates`.

        Returns:
            A `keras.Model` that returns a dict of name to array.

        Raises:
            ValueError: for a name that the model does not have; the nearest ones are offered.

        Example:

        >>> model.extract("attention/3/audio_to_text").predict(batch)
        """
        outputs = {}
        for name in names:
            if name not in self._offered:
                near = close_to(name, self._offered) or self.intermediates[:3]
                raise ValueError(
                    f"expected a name of `model.intermediates`, such as {', '.join(near)}. "
                    f"Received: {name!r}"
                )
            outputs[name] = self._offered[name]()
        return keras.Model(self.input, outputs, name=f"{self.name}_intermediates")

    def _offer_intermediates(self, offered):
        """Register functions without arguments that return symbolic tensors, by name."""
        self._offered = dict(offered)

    def __call__(self, inputs, *args, **kwargs):
        # Before Keras looks at them: its own words differ between backends.
        self._check_modalities(inputs)
        inputs = self._check_alignment(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def fit(self, x=None, *args, **kwargs):
        self.check_data(x)
        if not args:  # whoever counts on places may mean `shuffle`
            x, kwargs = backend.fed_in_fit(x, kwargs)
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        self.check_data(x)
        return super().evaluate(backend.fed(x), *args, **kwargs)

    def predict(self, x=None, *args, **kwargs):
        self.check_data(x)
        return super().predict(backend.fed(x), *args, **kwargs)

    def _should_torch_compile(self):
        # `call` does it.
        return False

    def make_train_function(self, force=False):
        # Not in `compile`: Keras does not compile a loaded model that has one of its own.
        backend.clip_at_once(self.optimizer)
        return super().make_train_function(force)

    def call(self, inputs, training=None, mask=None):
        # Where jax compiles, its trainer begins here.
        inputs = self._check_alignment(inputs)
        if self._runs_compiled(inputs, mask):
            choice = self.choice_of_call(training)
            if choice is not None:
                return self._programs.calls(inputs, training, *choice)
        return super().call(inputs, training=training, mask=mask)

    def choice_of_call(self, training):
        """Return what `backend.known_integer` will read in the next call.

        Returns:
            Tuple of one integer, or of none where nothing is read; `None` where it is left to
            chance, so that no program can be made of a call.
        """
        return ()

    def _runs_compiled(self, inputs, mask):
        if not backend.compiles_calls(self) or calls_are_watched():
            return False
        # Masks that Keras found on the inputs: a dict of `None`, as models make their own.
        masks = mask.values() if isinstance(mask, dict) else (mask,)
        if any(x is not None for x in masks):
            return False
        if any(isinstance(x, keras.KerasTensor) for x in inputs.values()):
            return False
        # No `compile` of its own could forget them: see `make_train_function`.
        if self._programs.calls is None or self._programs.loss is not self._compile_loss:
            self._programs.loss = self._compile_loss
            self._programs.calls = backend.compiled_calls(self, super().call, self._auxiliary)
        # A program does not hold the scores that an analysis puts in place for a while.
        return not any(x.is_replaced for x in self._programs.replaceable)

    def _check_modalities(self, inputs):
        if not isinstance(inputs, dict) or set(inputs) != set(self.modalities):
            received = sorted(inputs) if isinstance(inputs, dict) else type(inputs).__name__
            raise ValueError(
                f"expected a dict with one entry for each modality, {list(self.modalities)} "
                f"(None, or zeros, where one is absent). Received: {received}"
            )
        for name, size in self.modalities.items():
            if inputs[name] is None:
                continue
            shape = tuple(inputs[name].shape)
            inner = {type(None): (), int: (size,)}.get(type(size), size)
            wanted = ("batch", *inner) if len(inner) > 1 else ("batch", "steps", *inner)
            if len(shape) != len(wanted) or any(
                isinstance(w, int) and s not in (w, None)
                for s, w in zip(shape, wanted, strict=True)
            ):
                raise ValueError(
                    f"expected modality {name!r} to have shape ({', '.join(map(str, wanted))}). "
                    f"Received: {shape}"
                )

    def check_data(self, data):
        """Refuse data that the model cannot read; `fit`, `evaluate` and `predict` do so first.

        Args:
            data: `kerasfuse.datasets.Batches`; anything else passes.

        Raises:
            ValueError: for a model that takes one step of every modality at a time, of data whose
                modalities do not share their steps, whether or not padded lengths agree.
        """
        aligned = getattr(data, "aligned", None)
        if not self.word_aligned or aligned is None:
            return
        if others := [name for name in self.modalities if name not in aligned]:
            raise ValueError(
                f"{self._expected_alignment} Received: data in which {', '.join(others)} have "
                "steps of their own. If they share the steps of the others, say so: "
                "kerasfuse.datasets.Batches(..., aligned=True), or aligned=True of the data set."
            )

    @property
    def _expected_alignment(self):
        return (
            f"expected aligned sequences: {type(self).__name__} takes one step of every modality "
            "at a time. For others, let it align them: align_to='text', for instance, puts a "
            "kerasfuse.layers.CTCAligner before it."
        )

    def _check_alignment(self, inputs):
        if not self.word_aligned:
            return inputs
        present = {name: x for name, x in inputs.items() if x is not None}
        steps = {name: x.shape[1] for name, x in present.items()}
        expected = self._expected_alignment
        if len(set(steps.values()) - {None}) > 1:
            raise ValueError(f"{expected} Received: steps={steps}")
        if any(isinstance(x, keras.KerasTensor) for x in present.values()):
            return inputs
        return backend.checked_alike(inputs, [ops.shape(x)[1] for x in present.values()], expected)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        from_labels = self._update_auxiliary_losses(x, y) if training else 0.0
        return super().compute_loss(x, y, y_pred, sample_weight, training) + from_labels
