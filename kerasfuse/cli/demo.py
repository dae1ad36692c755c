"""`kerasfuse demo`: a sentence is judged; a model loads, is scored, looked into, fine-tuned."""

import dataclasses
import pathlib
import warnings

import keras
import numpy as np

from kerasfuse import analysis, atomic, recordings, zoo
from kerasfuse.cli import tables
from kerasfuse.metrics.conventions import format_value
from kerasfuse.recipes.scoring import constant_scores, load_split, score

SENTENCE = "It starts slowly, but the ending is wonderful."
# The entry that judges it.
_OF_WORDS = "mica_mosi_words"
_BAR = 20


def run_demo(
    folder,
    name="mica_mosei",
    weights="default",
    train_samples=128,
    test_samples=128,
    epochs=2,
    sentence=SENTENCE,
):
    """Judge a sentence, then show the main job on simulated data: under 3 minutes on two cores.

    Writes `attention.png` and `<name>.keras`, the fine-tuned model, into `folder`.

    Args:
        folder: where to write.
        name: an entry whose data are simulated.
        weights: as in `zoo.load`.
        train_samples: samples of the fine-tuning.
        test_samples: samples held out.
        epochs: epochs of the fine-tuning.
        sentence: what is judged first.

    Raises:
        ValueError: for a sentence without words.
        OSError: when the folder cannot be written to.
        ImportError: when matplotlib is missing.
    """
    folder = pathlib.Path(folder)
    atomic.check_writable(folder)
    entry = zoo.entry(name)
    judge_sentence(sentence)
    print(f"2. Loading {name}: {entry.title}")
    model = zoo.load(name, weights)
    print(f"   {model.count_params():,} parameters, inputs {model.modalities}")

    print(f"3. Scoring {test_samples} held-out samples")
    test = load_split(_with_samples(entry, test_samples), "test")
    before = score(model, entry, test)

    print(f"4. Drawing what attends to what: {folder / 'attention.png'}")
    _draw_attention(model, test, entry.data_args.get("rates"), folder / "attention.png")

    print(f"5. Fine-tuning on {train_samples} samples that its weights have not learnt from")
    print("   mmd brings queries and keys of different modalities together; heads is the")
    print("   error when each modality predicts the label by itself")
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


def judge_sentence(sentence):
    """Print how positive a sentence is to a model that was trained on real opinions, and why.

    Raises:
        ValueError: for a sentence without words.
    """
    entry = zoo.entry(_OF_WORDS)
    print(f"1. Judging a sentence by {entry.name}: {entry.title}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zoo.WeightTermsWarning)
        model = zoo.load(entry.name)
    try:
        found = recordings.predict_text(model, sentence)
    except (ImportError, FileNotFoundError) as error:  # the encoder of words is in an extra
        print(f"   Left out: {error}")
        return
    error = entry.results["test"]["mae"]["mean"]
    print(f"   {found.text}")
    print(f"   {found.outputs[0]:+.2f}, where -3 is very negative and 3 very positive; the mean")
    print(f"   error on the test opinions of CMU-MOSI, with timing and sound, is {error:.2f}.")
    print("   Without a word it would be (+ the word makes it more positive, - less):")
    longest = max(len(word) for word in found.words)
    most = np.abs(found.influence).max() or 1.0
    for word, influence in zip(found.words, found.influence, strict=True):
        bar = ("+" if influence > 0 else "-") * round(_BAR * abs(influence) / most)
        print(f"   {word:<{longest}}  {found.outputs[0] - influence:+.2f}  {bar}".rstrip())
    print('   Another sentence: kerasfuse demo --sentence "I would not watch it again."')


def _with_samples(entry, number):
    return dataclasses.replace(entry, data_args={**entry.data_args, "num_samples": number})


def _draw_attention(model, test, rates, path):
    maps = [name for name in model.intermediates if name.startswith("attention/")]
    # Later layers attend with steps that have seen others already.
    extract = model.extract(*(name for name in maps if name.startswith("attention/0/")))
    inputs, labels = test[0]
    # The sample with the most events shows most.
    events = [test.alignment(i)["text"].max() for i in range(len(labels))]
    chosen = int(np.argmax(events))
    attention = extract.predict_on_batch({m: x[chosen : chosen + 1] for m, x in inputs.items()})
    title = f"{test.ids[chosen]}: attention of the first layer over the true alignment"
    figure = analysis.attention_figure(attention, test.alignment(chosen), title=title, rates=rates)
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary)
