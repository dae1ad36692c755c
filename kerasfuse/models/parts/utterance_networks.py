"""The networks of TFN and LMF that make one vector of each modality."""

import keras

from kerasfuse.layers import Dropout, MaskedLSTM, MaskedPooling


def check_language(modalities, language):
    """Return the name of the modality that is read in order, by default the first.

    Raises:
        ValueError: for a name that is not one of the modalities.
    """
    language = next(iter(modalities)) if language is None else language
    if language not in modalities:
        raise ValueError(
            f"expected `language` to be one of {list(modalities)}. Received: language={language!r}"
        )
    return language


def summarise_utterance(x, mask, name, units, is_language, pooling, language_pooling, dropout):
    """Make one vector of a modality.

        language:  z = W dropout(LSTM(X) at its last real step, or pooled) + b
        others:    x = pooling of the steps of X,   z = relu layer of relu layer of relu layer of
                   dropout(BatchNorm(x))

    Args:
        x: symbolic tensor `(batch, steps, width)`.
        mask: boolean `(batch, steps)`.
        name: name of the modality, for the names of the layers.
        units: width of the vector and of all layers before it.
        is_language: whether the order of the steps matters.
        pooling, language_pooling: modes of `MaskedPooling`, for the others and for language.
        dropout: rate, see above.

    Returns:
        Symbolic tensor `(batch, units)`.
    """
    if is_language:
        states = MaskedLSTM(units, name=f"{name}_lstm")(x, mask=mask)
        z = MaskedPooling(language_pooling, name=f"{name}_pooling")(states, mask=mask)
        z = Dropout(dropout, name=f"{name}_dropout")(z)
        return keras.layers.Dense(units, name=f"{name}_dense")(z)
    z = MaskedPooling(pooling, name=f"{name}_pooling")(x, mask=mask)
    z = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(z)
    z = Dropout(dropout, name=f"{name}_dropout")(z)
    for index in range(3):
        z = keras.layers.Dense(units, activation="relu", name=f"{name}_dense_{index}")(z)
    return z


def bound(scores, output_range):
    """Squeeze scores into an open interval by a sigmoid, `low + (high - low) sigmoid(y)`."""
    if output_range is None:
        return scores
    low, high = output_range
    squeeze = keras.layers.Activation("sigmoid", dtype="float32", name="sigmoid")
    return keras.layers.Rescaling(high - low, low, dtype="float32", name="bounded")(squeeze(scores))
