"""Command lines that nobody should write, from seeds, over a small zoo.

Each is run in a process of its own, in a copy of a folder with a finished run, weights, arrays and
pages. It may do what it says, or refuse in a sentence before anything is trained; either way it
leaves no file of a work that it did not finish.
"""

import contextlib
import io
import json
import pathlib
import random
import shutil

import numpy as np
from hostile.sandbox import WrongData

# Name of the entry -> class and arguments of its model, and lines that its recipe has as well.
_MODELS = {
    "tiny_lmf": ("LMF", "dim = 4\nrank = 2", ""),
    "tiny_mica": (
        "MICA",
        "dim = 4\nnum_heads = 2\nnum_layers = 1\nkernel_sizes = 1\nalpha = 0.8\nbeta = 0.5",
        "",
    ),
    "tiny_mult": ("MulT", "dim = 4\nnum_heads = 2\nnum_layers = 1", ""),
    "tiny_tfn": ("TFN", "dim = 3\nhidden_units = [5]\noutput_range = [-3, 3]", ""),
    "tiny_misa": ("MISA", "dim = 4\nlstm_units = 3\nfeedforward_units = 6", ""),
    "tiny_mmim": ("MMIM", "lstm_units = 3\nencoding_dim = 3\ndim = 5", ""),
    "tiny_self_mm": (
        "SelfMM",
        "num_samples = 24\nlstm_units = 3\ndim = 5\nunimodal_dim = 4",
        "",
    ),
    "tiny_mfn": (
        "MFN",
        "dim = 4\nmemory_dim = 4\nmemory_units = 5\nhidden_units = [5]\nattention_units = 5\n"
        'align_to = "text"\nalign_steps = 6',
        "",
    ),
    "tiny_dahb": (
        "DAHB",
        'dim = 8\nnum_heads = 2\nfeedforward_units = 6\nnum_bottlenecks = 4\nvariant = "release"\n'
        "encoder_layers = 1",
        "",
    ),
    "tiny_hct_mg": (
        "HCTMG",
        'dim = 4\nnum_heads = 2\nnum_layers = 1\ngate = "fixed"\nprimary = "text"',
        "",
    ),
    "tiny_late": (
        "LateFusion",
        "\n[model.args.encoders]\n"
        + "\n".join(
            f'{m} = {{ class = "TransformerEncoder", dim = 4, num_layers = 1, num_heads = 2 }}'
            for m in ("text", "audio", "vision")
        ),
        "modulation = { strategy = 'AGM', alpha = 0.5 }",
    ),
}
_ENTRY = """\
[entry]
name = "{name}"
title = "A model for tests"
paper = "none"
summary = "So small that it trains in a second."

[model]
class = "{model}"

[model.args]
modalities = {{ text = 300, audio = 5, vision = 20 }}
{arguments}

[data]
name = "simulated"

[data.args]
world = "codes"
like = "mosi"
num_samples = 12
typical_lengths = {{ text = 4, audio = 6, vision = 5 }}

[recipe]
loss = "mae"
metrics = "mosi"
score = "mae"
optimizer = "adam"
learning_rate = 1e-2
clip_norm = 1.0
batch_size = 12
epochs = 1
plateau_factor = 0.5
plateau_patience = 1
early_stopping = 3
monitor = "val_loss"
seeds = [1]
{recipe}

[weights]
trained_on = "simulated sequences"
license = "simulated data: no terms beyond those of the code"
commercial = true
made_by = "kerasfuse train {name} --record"
"""
# Of classes, not of numbers.
_CLASSES = {
    'like = "mosi"': 'like = "iemocap"',
    "audio = 5, vision = 20 }": "audio = 74, vision = 35 }",
    'loss = "mae"': 'loss = "emotion_cross_entropy"',
    'metrics = "mosi"': 'metrics = "iemocap"',
    'score = "mae"': 'score = "neutral_acc"',
    "rank = 2": "rank = 2\nnum_outputs = 8",
}
NAMES = (*_MODELS, "tiny_classes")
_SPACES = {
    "good": "[rank]\nlow = 1\nhigh = 3\n[learning_rate]\nlow = 0.001\nhigh = 0.01\nlog = true\n",
    "dim": "[model.dim]\nlow = 2\nhigh = 4\nstep = 2\n",
    "empty": "",
    "words": '[dim]\nchoices = ["a", "b"]\n',
    "half steps": "[rank]\nlow = 1\nhigh = 3\nstep = 0.5\n",
    "nan": "[learning_rate]\nlow = nan\nhigh = 1.0\n",
    "endless": "[learning_rate]\nlow = 1e-3\nhigh = inf\n",
    "when": "[rank]\nlow = 1\nhigh = 2\nwhen = 3\n",
    "no name": "[when]\nlow = 1\nhigh = 2\n",
    "tables": "[rank]\nchoices = [{ a = 1 }, [2]]\n",
    "log": '[rank]\nlow = 1\nhigh = 3\nlog = "yes"\n',
    "step": '[rank]\nlow = 1\nhigh = 3\nstep = "big"\n',
    "huge": "[rank]\nlow = 1\nhigh = 99999999999999999999\n",
    "negative": "[rank]\nlow = -3\nhigh = -1\n",
    "dates": "[rank]\nchoices = [1979-05-27]\n",
    "no toml": "[[[",
    "dotted": ".".join(["a"] * 2000) + " = 1",
}


def entry(name):
    """Give the toml of an entry."""
    if name == "tiny_classes":
        text = entry("tiny_lmf").replace("tiny_lmf", name)
        for old, new in _CLASSES.items():
            text = text.replace(old, new)
        return text
    model, arguments, recipe = _MODELS[name]
    return _ENTRY.format(name=name, model=model, arguments=arguments, recipe=recipe)


def prepare(folder):
    """Write the folder that command lines run in."""
    from kerasfuse import recipes, zoo
    from kerasfuse.zoo import catalogue

    folder = pathlib.Path(folder)
    (folder / "zoo").mkdir(parents=True)
    for name in NAMES:
        (folder / "zoo" / f"{name}.toml").write_text(entry(name))
    catalogue.FOLDER = folder / "zoo"
    run = recipes.train("tiny_lmf", folder / "run", seeds=[1, 2], verbose=0)
    recipes.record("tiny_lmf", run)
    shutil.copy(run.folder / "seed_1" / "best.weights.h5", folder / "own.weights.h5")
    rng = np.random.default_rng(0)
    widths = zoo.entry("tiny_lmf").model_args["modalities"]
    arrays = {m: rng.normal(size=(3, 4, width)).astype("f4") for m, width in widths.items()}
    (folder / "arrays").mkdir()
    for name, x in arrays.items():
        np.save(folder / "arrays" / f"{name}.npy", x)
    np.savez(folder / "input.npz", **arrays)
    for name, x in {
        "flat": {"text": np.array(3.0)},
        "deep": {m: x[..., None] for m, x in arrays.items()},
        "words": dict.fromkeys(widths, np.array(["a"])),
        "none": {m: x[:0] for m, x in arrays.items()},
        "complex": {m: x + 1j for m, x in arrays.items()},
        "infinite": {m: x + np.inf for m, x in arrays.items()},
        "other": {"text": arrays["text"], "smell": arrays["audio"]},
    }.items():
        np.savez(folder / f"{name}.npz", **x)
    (folder / "cut.npz").write_bytes((folder / "input.npz").read_bytes()[:300])
    (folder / "empty.npz").write_bytes(b"")
    (folder / "empty").mkdir()
    (folder / "damaged_run").mkdir()
    for file in ("run.json", "entry.toml"):
        (folder / "damaged_run" / file).write_text("{")
    (folder / "page.md").write_text(
        "<!-- compare simulated:begin -->\n<!-- compare simulated:end -->"
    )
    (folder / "zoo.md").write_text("<!-- zoo:begin -->\n<!-- zoo:end -->")
    (folder / "plain.md").write_text("nothing")
    (folder / "bytes.md").write_bytes(b"\xff\xfe\x00\xd8")
    for name, text in _SPACES.items():
        (folder / f"{name}.toml").write_text(text)


_VALUES = (
    *("abc", "''", "-1", "0", "1", "2", "3", "2.5", "-0.5", "0.1", "1e-3", "nan", "inf", "true"),
    *("[]", "[1, 2]", "[[1]]", "{}", "{ a = 1 }", "'text'", "'audio'", "1979-05-27", "false"),
    *("1000000000", "-1000000000", "99999999999999999999", f"'{'x' * 300}'", "'\\u0000'"),
    *("{ text = 1, audio = 2, vision = 3 }", "{ text = 'a' }", "['text', 'audio']", "'mae'"),
    *("{ strategy = 'AGM' }", "{ strategy = 'OGMGE', alpha = 'x' }", "{ strategy = 3 }"),
    *("{ class = 'Dense' }", "{ class = 3 }", "'MulT'", "'mosi'", "'adamw'", "'gelu'", "[nan]"),
    *("{ text = 300, audio = 5 }", "{ batch_size = 4, epochs = 0 }", "{ refresh = 1 }"),
    *("{ epochs = 1 }", "{ batch_size = 4, epochs = 1 }", "'val_corr'", "'corr'", "'iemocap'"),
)
# Whoever asks for so many gets them.
_COUNTED = ("epochs", "num_samples", "early_stopping", "plateau_patience")
_WORDS = ("", "abc", "-1", "0", "1", "2.5", "1e9", "nan", "../x", "x" * 300, "a/b", "\u00fc", "--")
_PATHS = ("", ".", "..", "missing", "page.md", "empty", "run", "page.md/x", "x" * 300, "/dev/null")
_PATHS += ("/proc/nothing", "a\tb", "arrays", "new/folder")
_METRICS = ("mae", "corr", "acc2", "val_loss", "loss")


def _settings(rng, name):
    from kerasfuse import datasets, zoo
    from kerasfuse.entries.arguments import model_arguments
    from kerasfuse.zoo import Recipe

    found = zoo.entry(name)
    keys = {
        "model": model_arguments(found.model_class),
        "data": datasets.arguments(found.data_name),
        "recipe": tuple(Recipe.__dataclass_fields__),
    }
    out = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        place = rng.choice(("model", "model", "data", "recipe", "recipe"))
        key = rng.choice(keys[place])
        if rng.random() < 0.05:
            key = rng.choice(("class", "data", "model.class", "", "a.b", "recipe.data", key[:-1]))
        values = [v for v in _VALUES if not (key in _COUNTED and v.startswith("1000"))]
        full = f"{place}.{key}" if rng.random() < 0.3 else key
        out += ["--set", f"{full}={rng.choice(values)}"]
    return out


def _maybe(rng, option, good, bad=_WORDS, share=0.3):
    """Give an option with a value, or, mostly, nothing."""
    if rng.random() > share / 2:
        return []
    return [option, str(rng.choice(good if rng.random() < 0.4 else bad))]


def line(seed):
    """Give a command line; the zoo must be that of `prepare`."""
    rng = random.Random(f"command line {seed}")
    name = rng.choice(NAMES) if rng.random() < 0.97 else rng.choice((*_WORDS, *_PATHS))
    known = name if name in NAMES else "tiny_lmf"
    trains = lambda: _settings(rng, known) if rng.random() < 0.75 else []  # noqa: E731
    seeds = lambda: _maybe(  # noqa: E731
        rng, "--seeds", ("1", "2,3"), ("0", "-1", "a", "1,1", "", "1.5", "99999999999", ","), 0.2
    )
    # Of more than one, each would be a process of its own.
    jobs = lambda: _maybe(rng, "--jobs", ("1",), ("0", "-3", "x"), 0.1)  # noqa: E731
    weights = lambda: _maybe(  # noqa: E731
        rng, "--weights", ("own.weights.h5",), (*_PATHS, "input.npz", "cut.npz"), 0.4
    )
    splits = lambda: _maybe(  # noqa: E731
        rng, "--split", ("test", "validation", "train"), ("all", "", "Test"), 0.4
    )
    metric = lambda: _maybe(rng, "--metric", _METRICS)  # noqa: E731
    command = rng.choice(
        ("train",) * 6
        + ("compare", "tune") * 3
        + ("predict", "evaluate", "publish", "list", "card", "analyse", "report", "convert")
        + ("export",)
    )
    if command == "train":
        return [
            *("train", name, *trains(), *seeds(), *jobs()),
            *_maybe(rng, "--run-dir", ("r",), _PATHS, 0.2),
            *(["--record"] if rng.random() < 0.15 else []),
            *(["--add"] if rng.random() < 0.1 else []),
            *_maybe(rng, "--table", ("Table 1",), share=0.15),
            *_maybe(rng, "--label", ("mine",), share=0.15),
            *_maybe(rng, "--against", ("recorded",), share=0.1),
        ]
    if command == "compare":
        others = [rng.choice(NAMES) for _ in range(rng.choice((1, 1, 2)))]
        found = [
            *("compare", name, *others, *trains(), *seeds(), *jobs(), *metric()),
            *_maybe(rng, "--figure", ("a.svg", "a.png"), ("x.exe", *_PATHS)),
            *_maybe(rng, "--readme", ("page.md",), ("plain.md", "bytes.md", *_PATHS)),
            *_maybe(rng, "--data", ("simulated",), (*_WORDS, "own", "mosi"), 0.1),
            *(["--tuned", "--trials", "1"] if rng.random() < 0.15 else []),
            *_maybe(rng, "--trials", ("1",), ("0", "-2", "x"), 0.2),
            *_maybe(rng, "--space", ("good.toml",), [f"{n}.toml" for n in _SPACES], 0.2),
        ]
        if "--tuned" in found:  # several searches, or one of more steps, rightly take their time
            del found[3 : 2 + len(others)]
            long = [
                at
                for at, part in enumerate(found)
                if part == "--data" or (part == "--set" and "batch_size=" in found[at + 1])
            ]
            for at in reversed(long):
                del found[at : at + 2]
        return found
    if command == "tune":
        return [
            *("tune", name, *trains(), *seeds(), *jobs()),
            *("--trials", rng.choice(("1", "2", "1", "0", "-1", "x"))),
            *_maybe(rng, "--space", ("good.toml", "dim.toml"), [f"{n}.toml" for n in _SPACES], 0.7),
            *_maybe(rng, "--sampler", ("tpe", "random", "gp", "qmc"), share=0.3),
            *_maybe(rng, "--pruner", ("median", "halving", "hyperband", "none"), share=0.3),
            *_maybe(rng, "--storage", ("journal",), (*_PATHS, "sqlite:///x/y/z", "a://b"), 0.2),
            *_maybe(rng, "--run-dir", ("r",), _PATHS, 0.2),
        ]
    if command == "predict":
        inputs = ("input", "flat", "deep", "words", "none", "complex", "infinite", "other", "cut")
        source = [f"{n}.npz" for n in (*inputs, "empty")] + ["arrays", *_PATHS]
        known = rng.choice(("tiny_lmf", "./run", "tiny_mult", name))
        return [
            *("predict", known, rng.choice(source), *weights()),
            *_maybe(rng, "--output", ("a.csv", "a.json"), ("x.exe", "run", *_PATHS)),
            *_maybe(rng, "--batch-size", ("1", "2"), ("0", "-1", "x", "99999999999999999999")),
        ]
    known = rng.choice(("tiny_lmf", "./run", "run", "./damaged_run", name, *_PATHS))
    if command == "evaluate":
        record = ["--record"] if rng.random() < 0.2 else []
        return ["evaluate", known, *splits(), *weights(), *record]
    if command == "publish":
        return ["publish", known, rng.choice(("out", *_PATHS))]
    if command == "card":
        return ["card", known, *(["--markdown"] if rng.random() < 0.5 else [])]
    if command == "analyse":
        return [
            *("analyse", rng.choice(("tiny_lmf", name)), *splits(), *weights(), *metric()),
            *_maybe(rng, "--figures", ("figures",), _PATHS, 0.4),
            *_maybe(rng, "--seed", ("1",), ("-1", "x", "99999999999999999999"), 0.3),
        ]
    if command == "report":
        runs = [
            rng.choice(("run", "run", "damaged_run", *_PATHS)) for _ in range(rng.choice((1, 2)))
        ]
        return ["report", *runs, *_maybe(rng, "--output", ("a.html",), _PATHS, 0.6)]
    if command == "convert":
        return [
            *("convert", rng.choice(("simulated", "mosei", "own", "av_mnist", "abc", ""))),
            *_maybe(rng, "--data-dir", ("empty", "input.npz"), _PATHS, 0.8),
            *(["--set", f"aligned={rng.choice(_VALUES)}"] if rng.random() < 0.3 else []),
        ]
    if command == "export":
        return ["export", known, rng.choice(("a.onnx", "b.exe", "new", *_PATHS)), *weights()]
    return [
        *("list", *_maybe(rng, "--model", ("LMF", "mult"))),
        *_maybe(rng, "--data", ("simulated",)),
        *_maybe(rng, "--max-parameters", ("10000",)),
        *_maybe(rng, "--weights", ("real", "none")),
        *_maybe(rng, "--license", ("simulated",)),
        *_maybe(rng, "--readme", ("zoo.md",), ("plain.md", "bytes.md", *_PATHS)),
    ]


# In the sandbox.

# What training may refuse after it began, as only training can tell.
_TOLD_BY_TRAINING = ("expected an epoch with finite", "expected a trial that trains")


def run(seed, good, arguments=None):
    """Run a command line in a copy of the folder, and give its exit status."""
    import keras

    from kerasfuse.zoo import catalogue

    shutil.copytree(good, "case")
    folder = pathlib.Path("case").absolute()
    catalogue.FOLDER = folder / "zoo"
    arguments = line(seed) if arguments is None else arguments
    fits = []
    fit = keras.Model.fit

    def counted(*args, **options):
        fits.append(1)
        return fit(*args, **options)

    keras.Model.fit = counted
    before = _files(folder)
    with contextlib.chdir(folder):
        status, told = call(arguments)
    left = [name for name in _files(folder) if pathlib.Path(name).name.startswith(".")]
    if left:
        raise WrongData(f"{arguments} left {left[:3]}")
    if status == 0:
        return json.dumps(arguments)[:300]
    if fits and not any(part in told for part in _TOLD_BY_TRAINING):
        raise WrongData(f"{arguments} trained before it refused: {told[-300:]}")
    if not fits and (new := _files(folder) - before):
        raise WrongData(f"{arguments} refused, and left {sorted(new)[:3]}")
    if status != 2:
        raise RuntimeError(f"{arguments} ended with {status}: {told[-300:]}")
    if len(told) > 3000:
        raise WrongData(f"{arguments} told {len(told)} characters")
    if "Usage:" in told:
        told = f"expected another usage. Received: {told}"
    raise ValueError(f"{told} <- {arguments}"[-3000:])


def call(arguments):
    """Give the exit status of the command line, and what it printed on stderr."""
    from kerasfuse.cli.commands import app

    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            app(arguments)
        except SystemExit as error:
            return error.code or 0, told.getvalue()
    return 0, told.getvalue()


def _files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
