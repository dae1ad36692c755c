"""A text encoder of a few hundred weights, as keras-hub saves one, and what it computes."""

import keras
import numpy as np

WORDS = "the film was not bad ##ly good really it ' s umm".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
SIZES = {
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 24,
}


def make(folder, seed=0, tokenizer=True):
    """Save a random BERT into a folder and return its backbone."""
    import keras_hub

    keras.utils.set_random_seed(seed)
    backbone = keras_hub.models.BertBackbone(vocabulary_size=len(VOCABULARY), **SIZES)
    for variable in backbone.weights:
        noise = np.random.default_rng(len(variable.path) + seed).normal(0, 0.5, variable.shape)
        variable.assign(np.asarray(variable) + noise)
    backbone.save_to_preset(str(folder))
    if tokenizer:
        made = keras_hub.models.BertTokenizer(vocabulary=VOCABULARY, lowercase=True)
        made.save_to_preset(str(folder))
    return backbone


def oracle(backbone, ids, layers=SIZES["num_layers"]):
    """Compute in float64 what the first layers of a BERT make of one text: `(steps, 8)`."""
    w = {v.path.split("bert_backbone/")[-1]: np.asarray(v, "float64") for v in backbone.weights}

    def of(end):
        (found,) = [value for path, value in w.items() if path.endswith(end)]
        return found

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * of(f"{name}/gamma") + of(
            f"{name}/beta"
        )

    x = of("token_embedding/embeddings")[ids] + of("segment_embedding/embeddings")[0]
    x = norm(x + of("position_embedding/embeddings")[: len(ids)], "embeddings_layer_norm")
    for layer in range(layers):
        block = f"transformer_layer_{layer}"
        attention = f"{block}/self_attention_layer"

        def project(name, x=x, attention=attention):
            kernel = of(f"{attention}/{name}/kernel")
            return np.einsum("td,dhk->thk", x, kernel) + of(f"{attention}/{name}/bias")

        query, key, value = (project(name) for name in ("query", "key", "value"))
        scores = np.einsum("qhk,thk->hqt", query, key) / np.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        heads = np.einsum("hqt,thk->qhk", weights, value)
        attended = np.einsum("qhk,hkd->qd", heads, of(f"{attention}/attention_output/kernel"))
        attended += of(f"{attention}/attention_output/bias")
        x = norm(x + attended, f"{block}/self_attention_layer_norm")
        inner = x @ of(f"{block}/feedforward_intermediate_dense/kernel")
        inner = _gelu(inner + of(f"{block}/feedforward_intermediate_dense/bias"))
        outer = inner @ of(f"{block}/feedforward_output_dense/kernel")
        x = norm(
            x + outer + of(f"{block}/feedforward_output_dense/bias"),
            f"{block}/feedforward_layer_norm",
        )
    return x


def _gelu(x):
    # keras-hub has the approximation by tanh.
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
