"""ModalityGate: learn which modality is to be the primary one."""

import keras
import numpy as np
from keras import ops

from kerasfuse import backend

MODES = ("straight_through", "straight_through_gumbel", "soft", "fixed")


@keras.saving.register_keras_serializable("kerasfuse")
class ModalityGate(keras.layers.Layer):
    """Choose one modality of several by a trainable weight for each, once a batch.

        w = softmax(g),   p = argmax_m g_m
        Y_m = X_m s_m,    s_m = 1 + w_m - sg(w_m)      in training; Y_m = X_m otherwise

    with sg the stop of the gradient: s_m is exactly 1 and has the gradient of w_m, so a weight
    grows while more of its modality would lower the loss, whether it is primary or not.

    Reference: "Incongruity-Aware Multimodal Sentiment and Emotion Recognition" (HCT-MG), section 4,
    "Modality Gating". The paper fixes that each modality has one trainable weight, that the weights
    sum to 1 and are the probabilities of being primary, that they are updated in every batch, that
    the largest makes the choice for a whole batch, and that the gate is frozen once it converges.
    It gives no formula and no way for a gradient through the hard choice; these are ours:

    - `"straight_through"`: the above. All logits start at 0, so the first modality leads at first.
      The default, as it found the informative modality of simulated data most often
      (`benchmarks/README.md`, which also counts when it did not).
    - `"straight_through_gumbel"`: in training p = argmax(g + n) with n Gumbel noise, which draws
      modality m with probability w_m, and s_m takes its gradient from softmax(g + n).
    - `"soft"`: Y_m = X_m. The weights carry their own gradient, for a caller that computes what
      follows from every choice and mixes the results by w.
    - `"fixed"`: `primary` is chosen, nothing is learnt (the paper's Table 4).

    A frozen gate keeps the weights it had: momentum of an optimizer does not move it. It is saved
    frozen, and its checkpoints are read by all modes: what a fixed gate left behind makes another
    gate frozen at that choice, and a fixed gate refuses a checkpoint that chose another modality.

    Args:
        modalities: names of the modalities, two or more.
        mode: one of the above.
        primary: name of the modality that `"fixed"` chooses; `None` in all other modes.

    Call arguments:
        inputs: dict of modality name to tensor, of any shapes.
        return_choice: also return w, float32 `(modalities,)`, and p, int32 `()`.

    Returns:
        Dict like `inputs`, or a tuple of it, w and p.

    Raises:
        ValueError: for fewer than two modalities, one named twice, an unknown mode or primary, a
            primary in another mode than `"fixed"`, or a gate that is frozen before it is built.

    Example:

    >>> gate = ModalityGate(["text", "audio"])
    >>> x = {"text": np.ones((2, 9, 40)), "audio": np.ones((2, 50, 40))}
    >>> streams, weights, primary = gate(x, return_choice=True)
    >>> gate.choice, gate.probabilities
    ('text', {'text': 0.5, 'audio': 0.5})
    """

    def __init__(self, modalities, mode="straight_through", primary=None, **kwargs):
        super().__init__(**kwargs)
        self.modalities = list(modalities)
        if len(self.modalities) < 2 or len(set(self.modalities)) < len(self.modalities):
            raise ValueError(
                "expected `modalities` to be two or more different names. "
                f"Received: {self.modalities}"
            )
        if mode not in MODES:
            raise ValueError(f"expected `mode` to be one of {MODES}. Received: {mode!r}")
        if mode == "fixed" and primary not in self.modalities:
            raise ValueError(
                f"expected `primary` to be one of {self.modalities}, as mode 'fixed' chooses it. "
                f"Received: {primary!r}"
            )
        if mode != "fixed" and primary is not None:
            raise ValueError(
                f"expected no `primary`, as mode {mode!r} learns it: leave it out, or take mode "
                f"'fixed'. Received: {primary!r}"
            )
        self.mode = mode
        self.primary = primary
        if mode == "straight_through_gumbel":
            self.seed_generator = keras.random.SeedGenerator()

    def build(self, inputs_shape):
        # float32 whatever the policy: a step of 1e-4 must not be lost. The same three weights in
        # every mode, so that each mode can tell what another one's checkpoint chose.
        fixed = self.mode == "fixed"

        def weight(name, shape, value, trainable=False):
            def initializer(shape, dtype=None):
                return ops.convert_to_tensor(value, dtype)

            return self.add_weight(
                shape=shape,
                initializer=initializer,
                trainable=trainable,
                dtype="float32",
                autocast=False,
                name=name,
            )

        zeros = np.zeros(len(self.modalities))
        self.logits = weight("logits", zeros.shape, zeros, trainable=not fixed)
        self.frozen = weight("frozen", (), float(fixed))
        kept = self._fixed_logits() if fixed else zeros
        self.frozen_logits = weight("frozen_logits", zeros.shape, kept)

    def call(self, inputs, return_choice=False, training=None):
        logits = self._effective_logits()
        weights = drawn = ops.softmax(logits)
        if training and self.mode == "straight_through_gumbel":
            drawn = ops.softmax(logits + self._noise() * (1.0 - self.frozen))
        if training and self.mode.startswith("straight_through"):
            scales = 1.0 + (drawn - ops.stop_gradient(drawn))
            scales = dict(zip(self.modalities, ops.unstack(scales), strict=True))
            inputs = {m: inputs[m] * ops.cast(scales[m], inputs[m].dtype) for m in inputs}
        if not return_choice:
            return inputs
        return inputs, weights, ops.cast(ops.argmax(drawn), "int32")

    def _noise(self):
        epsilon = keras.config.epsilon()
        uniform = backend.uniform(self.frozen_logits.value, self.seed_generator)
        return -ops.log(-ops.log((1.0 - epsilon) * uniform + epsilon))

    def compute_output_spec(self, inputs, return_choice=False, training=None):
        streams = {m: keras.KerasTensor(x.shape, dtype=x.dtype) for m, x in inputs.items()}
        if not return_choice:
            return streams
        weights = keras.KerasTensor((len(self.modalities),), dtype="float32")
        return streams, weights, keras.KerasTensor((), dtype="int32")

    @property
    def probabilities(self):
        """The weights w as they stand: a dict of modality name to float."""
        self._check_built("look at")
        weights = ops.convert_to_numpy(ops.softmax(self._effective_logits()))
        return dict(zip(self.modalities, weights.tolist(), strict=True))

    @property
    def choice(self):
        """Name of the modality with the largest weight."""
        return max(self.probabilities, key=self.probabilities.get)

    @property
    def is_frozen(self):
        """Whether the gate has been frozen; one of mode `"fixed"` always is."""
        self._check_built("look at")
        return self.mode == "fixed" or self._was_frozen()

    def freeze(self):
        """Keep the weights, and with them the choice, as they are from now on."""
        self._check_built("freeze")
        if not self.is_frozen:
            # A copy: two variables of one buffer cannot both be handed to a step of jax.
            self.frozen_logits.assign(ops.copy(self.logits.value))
            self.frozen.assign(1.0)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        if self.mode == "fixed":
            kept = self.frozen_logits if self._was_frozen() else self.logits
            chosen = self.modalities[int(np.argmax(ops.convert_to_numpy(kept)))]
            self.frozen.assign(1.0)
            self.frozen_logits.assign(self._fixed_logits())
            if chosen != self.primary:
                raise ValueError(
                    f"expected weights of a gate that chose {self.primary!r}, the fixed primary, "
                    f"as all other weights go with that choice. Received: {chosen!r}. Take "
                    f"primary={chosen!r}, or the mode that the weights were trained in."
                )

    def _effective_logits(self):
        if self.mode == "fixed":
            return ops.convert_to_tensor(self._fixed_logits(), "float32")
        # As tensors: jax does not take variables here.
        return ops.where(self.frozen.value > 0, self.frozen_logits.value, self.logits.value)

    def _was_frozen(self):
        return bool(ops.convert_to_numpy(self.frozen) > 0)

    def _fixed_logits(self):
        # The softmax of these is exactly 1 and 0.
        return [0.0 if m == self.primary else -1e9 for m in self.modalities]

    def _check_built(self, what):
        if not self.built:
            raise ValueError(
                f"expected a gate that has been built, before its weights are there to {what}: "
                f"call it, or the model that it is part of, first. Received: {self.name!r}, not "
                "built"
            )

    def get_config(self):
        config = {"modalities": self.modalities, "mode": self.mode, "primary": self.primary}
        return {**super().get_config(), **config}
