"""`kerasfuse demo`: a pretrained model loads, is scored, looked into, and fine-tuned."""

import dataclasses
import pathlib

import keras
import numpy as np

from kerasfuse import analysis, atomic, zoo
from kerasfuse.cli import tables
from kerasfuse.metrics.conventions import format_value
from kerasfuse.recipes.scoring import constant_scores, load_split, score


def run_demo(
    folder, name="mica_mosei", weights="default", train_samples=128, test_samples=128, epochs=2
):
    """Show the main job on simulated data, in under 3 minutes on two cores.

    Writes `attention.png` and `<name>.keras`, the fine-tuned model, into `folder`.

    Args:
        folder: where to write.
        name: an entry whose data are simulated.
        weights: as in `zoo.load`.
        train_samples: samples of the fine-tuning.
        test_samples: samples held out.
        epochs: epochs of the fine-tuning.

    Raises:
        OSError: when the folder cannot be written to.
        ImportError: when matplotlib is missing.
    """
    folder = pathlib.Path(folder)
    atomic.check_writable(folder)
    entry = zoo.entry(name)
    print(f"1. Loading {name}: {entry.title}")
    model = zoo.load(name, weights)
    print(f"   {model.count_params():,} parameters, inputs {model.modalities}")

    print(f"2. Scoring {test_samples} held-out samples")
    test = load_split(_with_samples(entry, test_samples), "test")
    before = score(model, entry, test)

    print(f"3. Drawing what attends to what: {folder / 'attention.png'}")
    _draw_attention(model, test, folder / "attention.png")

    print(f"4. Fine-tuning on {train_samples} samples that its weights have not learnt from")
    print("   mmd and alignment bring queries and keys of different modalities together")
    train = load_split(_with_samples(entry, train_samples), "validation", shuffle=True)
    optimizer = keras.optimizers.Adam(
        entry.recipe.learning_rate / 5, global_clipnorm=entry.recipe.clip_norm
    )
    shown = [metric for metric in entry.recipe.make_metrics() if metric.name == entry.recipe.score]
    model.compile(optimizer, entry.recipe.make_loss(), metrics=shown)
    model.fit(train, epochs=epochs, verbose=1, shuffle=False)
    after = score(model, entry, test)

    constant = constant_scores(entry.recipe, train.labels, test.labels)
    rows = [
        [
            metric,
            *(format_value(metric, side.get(metric)) for side in (constant, before, after)),
        ]
        for metric in after
    ]
    tables.show(
        f"{test_samples} held-out samples",
        ["metric", "constant", "loaded", "fine-tuned"],
        rows,
        [
            "constant: the best prediction that ignores the input (majority, mean or median).",
            "SIMULATED data: these numbers show how things work and compare with nobody's.",
        ],
    )
    # Without the optimizer: a compiled model opens only on the backend that saved it.
    plain = entry.build()
    plain.set_weights(model.get_weights())
    with atomic.replacing(folder / f"{name}.keras") as temporary:
        plain.save(temporary)
    print(f"Saved {folder / 'attention.png'} and {folder / f'{name}.keras'}")


def _with_samples(entry, number):
    return dataclasses.replace(entry, data_args={**entry.data_args, "num_samples": number})


def _draw_attention(model, test, path):
    maps = [name for name in model.intermediates if name.startswith("attention/")]
    last = max(int(name.split("/")[1]) for name in maps)
    extract = model.extract(*(name for name in maps if name.startswith(f"attention/{last}/")))
    inputs, labels = test[0]
    # The sample with the most events shows most.
    events = [test.alignment(i)["text"].max() for i in range(len(labels))]
    chosen = int(np.argmax(events))
    attention = extract.predict_on_batch({m: x[chosen : chosen + 1] for m, x in inputs.items()})
    title = f"{test.ids[chosen]}: attention of layer {last + 1} over the true alignment"
    figure = analysis.attention_figure(attention, test.alignment(chosen), title=title)
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary)
