"""Multiply-adds of the ways to fuse in DAHB's Table 5, beside the paper's figures.

Of one sample of CH-SIMS: 39 tokens of text, 401 of audio and 56 of vision, the first of each
learned; width 128, 8 heads. A mechanism's cost is that of the whole model less that of the model
which only concatenates.

    python benchmarks/dahb_fusion.py
"""

import os

import measure

os.environ.setdefault("KERAS_BACKEND", "torch")

# Steps before the learned token is put in front of them.
SIMS = {"text": 38, "audio": 400, "vision": 55}
WIDTHS = {"text": 768, "audio": 33, "vision": 709}
# DAHB, Table 5, in millions.
PUBLISHED = {
    "concatenation": 0,
    "self_attention": 324,
    "cross_attention": 73,
    "bottleneck": 162,
    "hierarchical_bottleneck": 145,
}
COLUMNS = {
    "fusion": ("fusion", ""),
    "millions": ("multiply-adds, M", ".1f"),
    "published": ("the paper's, M", "d"),
    "parameters": ("parameters", ",d"),
}


def rows():
    from kerasfuse import analysis
    from kerasfuse.models import DAHB

    models = {fusion: DAHB(WIDTHS, fusion=fusion) for fusion in PUBLISHED}
    counts = {fusion: analysis.multiply_adds(model, SIMS) for fusion, model in models.items()}
    nothing = models["concatenation"].count_params()
    return [
        {
            "fusion": fusion,
            "millions": (counts[fusion] - counts["concatenation"]) / 1e6,
            "published": PUBLISHED[fusion],
            "parameters": models[fusion].count_params() - nothing,
        }
        for fusion in PUBLISHED
    ]


def main():
    from rich.console import Console

    found = rows()
    measure.save("dahb_fusion", found, COLUMNS, measure.environment("cpu", 1))
    Console().print(measure.markdown(found, COLUMNS), soft_wrap=True)


if __name__ == "__main__":
    main()
