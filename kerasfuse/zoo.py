"""The zoo: named models with their weights, recipes, results and cards."""

import collections
import csv
import fnmatch
import hashlib
import pathlib
import re
import warnings

import tomlkit

from kerasfuse import atomic, hub, zoo_entry, zoo_recipe

_MARKS = ("<!-- zoo:begin -->", "<!-- zoo:end -->")


class SimulatedWeightsWarning(UserWarning):
    """Weights were loaded that simulated data made: good for trying things out, not for results."""


class Entries(list):
    """A list of `Entry` that prints as a table."""

    columns = ("name", "data", "parameters", "test score", "constant", "weights")

    def rows(self):
        """Return the table as a list of tuples of text, one a column."""
        return [
            (
                entry.name,
                entry.data_name + (f" (like {entry.data_args['like']})" if entry.simulated else ""),
                f"{entry.results['parameters']:,}" if entry.recorded else "-",
                score(entry),
                score(entry, baseline=True),
                _weights_origin(entry),
            )
            for entry in self
        ]

    def __repr__(self):
        table = [self.columns, *self.rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        )

    def markdown(self):
        """Return the table as markdown, with names in code style."""
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [(f"`{name}`", *rest) for name, *rest in self.rows()]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    _repr_markdown_ = markdown


def folder():
    """Return the folder of the entries: the installed package's, else the checkout's `zoo/`."""
    package = pathlib.Path(__file__).parent
    installed = package / "_entries"
    return installed if installed.is_dir() else package.parent / "zoo"


def names():
    """Return the names of all entries, sorted."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def entries(pattern="*"):
    """List the entries whose name matches.

    Args:
        pattern: a shell pattern such as `"mica_*"`.

    Returns:
        `Entries`, a list of `Entry` that prints as a table with data, number of parameters, test
        score with its spread over seeds, the score of the best constant prediction on the same
        samples, and what made the weights.

    Example:

    >>> from kerasfuse import zoo
    >>> [entry.name for entry in zoo.entries("mica_mose*")]
    ['mica_mosei']
    """
    return Entries(entry(name) for name in fnmatch.filter(names(), pattern))


def entry(name):
    """Return one entry, parsed and checked.

    Args:
        name: an entry's name, or the address of one that lies elsewhere, see `load`.

    Raises:
        ValueError: when there is no such entry, with the nearest names.
    """
    if hub.is_address(name):
        return hub.entry(name)
    if name not in names():
        raise ValueError(
            f"expected the name of a zoo entry. Received: name={name!r}. "
            f"{zoo_recipe.nearest(name, names())}"
        )
    return zoo_entry.read(folder() / f"{name}.toml")


def published_baselines(dataset=None):
    """List figures that papers print of systems which are not built here.

    They were measured by others, on features, splits and seeds of their own: quote them apart from
    what was measured here.

    Args:
        dataset: `"mosi"`, `"mosei"` or `"iemocap"`, or `None` for all.

    Returns:
        List of dicts with `model`, `data`, `metric` (as ours is named that measures the same; MICA
        and HCT-MG follow MulT's evaluation), `value` (a fraction where the paper has per cent),
        `source` and `table` where it is printed, and `note`.

    Raises:
        ValueError: for a data set of which none is quoted.

    Example:

    >>> from kerasfuse import zoo
    >>> zoo.published_baselines("mosi")[0]["model"]
    'RAVEN'
    """
    with open(folder() / "published_baselines.csv", encoding="utf-8", newline="") as file:
        rows = [{**row, "value": float(row["value"])} for row in csv.DictReader(file)]
    known = {row["data"] for row in rows}
    if dataset is not None and dataset not in known:
        raise ValueError(
            f"expected dataset to be one of {', '.join(sorted(known))}. "
            f"Received: dataset={dataset!r}. {zoo_recipe.nearest(dataset, known)}"
        )
    return [row for row in rows if dataset in (None, row["data"])]


def load(name, weights="default"):
    """Build an entry's model and load weights into it.

    Args:
        name: an entry's name, see `entries`; or where one lies that `kerasfuse publish` made:
            `hf://owner/name`, with `@revision` for another than `main`, the https address of a
            folder, or a folder's path, which has a slash in it (`./folder`). With `#sha256=` and
            the checksum of its `entry.toml` after it, no other one is ever taken. What is fetched
            is kept in `kerasfuse.hub.cache_folder()`.
        weights: `"default"` for the entry's own, `None` for random ones, or the path of a
            `.weights.h5` file made by the same architecture.

    Returns:
        A `keras.Model` that is not compiled.

    Raises:
        ValueError: for an unknown name, for the entry's own weights when their sha256 is not the
            recorded one, and for weights that do not fit the model.
        FileNotFoundError: when the entry has no weights, with the command that makes them, or
            when the path does not exist.
        ConnectionError: when an address cannot be reached, and no copy is kept.

    Warns:
        SimulatedWeightsWarning: when simulated data made the entry's weights.

    Example:

    >>> from kerasfuse import zoo
    >>> zoo.load("mult_mosi_utterance", weights=None).modalities
    {'text': 100, 'audio': 73, 'vision': 100}
    """
    found = entry(name)
    if weights is None:
        return found.build()
    if weights != "default":
        path = _own_weights(weights)
    elif hub.is_address(name):
        path = hub.weights(name, found)
    else:
        path = _default_weights(found)
    model = found.build()
    try:
        with warnings.catch_warnings():
            # Keras only warns of parts that the file does not have, and leaves them random.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except (ValueError, KeyError, OSError, UserWarning) as error:
        raise ValueError(
            f"expected weights of the model {name!r}. Received: weights={str(path)!r}, which do "
            f"not fit it ({str(error).splitlines()[0]})."
        ) from error
    if weights == "default" and found.simulated:
        warnings.warn(
            f"the weights of {name} come from simulated data ({found.weights.trained_on}). They "
            "show how things work and say nothing about real recordings.",
            SimulatedWeightsWarning,
            stacklevel=2,
        )
    return model


def sha256(path):
    """Return the sha256 of a file in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def score(entry, split="test", baseline=False):
    """Return an entry's recorded score as text: mean, sd and number of seeds, or the baseline."""
    if not entry.recorded:
        return "-"
    metric = entry.recipe.score
    numbers = entry.results[split][metric]
    if baseline:
        return format_number(metric, numbers.get("baseline"))
    count = len(entry.results["seeds"])
    simulated = ", simulated" if entry.simulated else ""
    return f"{metric} {spread(metric, numbers)} ({count} seed{'s' * (count > 1)}{simulated})"


def spread(metric, numbers):
    """Write the mean of a metric over seeds and, for more than one, its sd; `-` for `None`."""
    if numbers is None:
        return "-"
    mean = format_number(metric, numbers["mean"])
    return f"{mean} ± {format_number(metric, numbers['sd'])}" if "sd" in numbers else mean


def format_number(metric, value):
    """Write a metric's value: shares in percent, everything else with three decimals."""
    if value is None:
        return "-"
    in_percent = "acc" in metric or "f1" in metric
    return f"{100 * value:.1f}" if in_percent else f"{value:.3f}"


def write(name, weights=None, results=None):
    """Rewrite the [weights] or [results] part of an entry's file, comments elsewhere untouched.

    Args:
        name: the entry's name.
        weights: dict of keys to set in [weights].
        results: dict that takes the place of [results].
    """
    path = folder() / f"{name}.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    if weights:
        document["weights"].update(weights)
    if results is not None:
        document.pop("results", None)
        document["results"] = _toml(results, inline=False)
    with atomic.replacing(path) as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")


def card(name):
    """Return an entry's model card as markdown, made from the entry alone."""
    found = entry(name)
    recipe = found.recipe
    lines = [
        f"# {found.name}: {found.title}",
        found.summary.strip(),
        f"- Paper: {found.paper}",
        f"- Model: `{found.model_class}({_arguments(found.model_args)})`",
        f"- Data: `{found.data_name}({_arguments(found.data_args)})`",
        f"- Recipe: {recipe.loss}; {recipe.optimizer}, learning rate {recipe.learning_rate:g}, "
        f"{_schedule(recipe)}; weights of the best `{recipe.monitor}`; "
        f"gradient norm at most {recipe.clip_norm:g}; batch {recipe.batch_size}; "
        f"at most {recipe.epochs} epochs, stops after {recipe.early_stopping} without improvement; "
        f"seeds {', '.join(map(str, recipe.seeds))}"
        + (f"; each seed on the folds {', '.join(map(str, recipe.folds))}" * bool(recipe.folds)),
        *_gate_search_lines(recipe),
        *_companions_lines(recipe),
        *_modulation_lines(recipe),
        "## Weights",
        f"- Where from: {_weights_origin(found)}; trained on {found.weights.trained_on}",
        f"- Terms: {found.weights.licence}",
        f"- Made by: `{found.weights.made_by}`"
        + (f", seed {found.weights.seed}" if found.weights.seed is not None else ""),
    ]
    if found.weights.sha256:
        lines.append(f"- sha256: `{found.weights.sha256}`")
    lines += ["## Results", *_results_lines(found)]
    blocks = "\n".join(lines).replace("\n#", "\n\n#").replace("\n- ", "\n- ")
    return re.sub(r"(^#+ .*)\n", r"\1\n\n", blocks, flags=re.M) + "\n"


def update_readme(path):
    """Write the table of all entries between the two zoo marks of a markdown file.

    Raises:
        ValueError: when the file lacks the marks.
    """
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8")
    if any(mark not in text for mark in _MARKS):
        raise ValueError(
            f"expected the marks {_MARKS[0]} and {_MARKS[1]}. Received: path={str(path)!r}, "
            "which lacks them."
        )
    before, rest = text.split(_MARKS[0], 1)
    after = rest.split(_MARKS[1], 1)[1]
    with atomic.replacing(path) as temporary:
        temporary.write_text(
            f"{before}{_MARKS[0]}\n{entries().markdown()}\n{_MARKS[1]}{after}", encoding="utf-8"
        )


def _toml(value, inline=True):
    """Convert nested dicts so that the innermost are written on one line each."""
    if isinstance(value, dict):
        inline = inline and not any(isinstance(item, dict) for item in value.values())
        table = tomlkit.inline_table() if inline else tomlkit.table()
        table.update({key: _toml(item) for key, item in value.items()})
        return table
    if isinstance(value, list) and value and isinstance(value[0], dict):
        tables = tomlkit.aot()
        for item in value:
            tables.append(_toml(item, inline=False))
        return tables
    return value


def _default_weights(entry):
    path = folder() / entry.weights.file
    if not entry.weights.file or not path.is_file():
        raise FileNotFoundError(
            f"{entry.name} has no weights yet. Make them with `{entry.weights.made_by}`, or pass "
            "weights=None for random ones or the path of your own."
        )
    found = sha256(path)
    if found != entry.weights.sha256:
        raise ValueError(
            f"expected weights with sha256 {entry.weights.sha256} for {entry.name}. Received: "
            f"{path.name} with sha256 {found}. The file was changed or is damaged: fetch it "
            f"again, or make it with `{entry.weights.made_by}`."
        )
    return path


def _own_weights(weights):
    path = pathlib.Path(weights)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(
            "expected 'default', None or the path of a .weights.h5 file. "
            f"Received: weights={str(weights)!r}."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a file of weights. Received: weights={str(weights)!r}, which does not exist."
        )
    return path


def _weights_origin(entry):
    if not entry.weights.file:
        return "none yet"
    return "SIMULATED data" if entry.simulated else "real data"


def _arguments(arguments):
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())


def _schedule(recipe):
    if recipe.warmup_epochs is None:
        return (
            f"times {recipe.plateau_factor:g} after {recipe.plateau_patience} epochs without a "
            "better one"
        )
    return f"reached after {recipe.warmup_epochs} epochs from 0, then down to 0 at the end"


def _companions_lines(recipe):
    if recipe.companions is None:
        return []
    return [
        "- Each training sample brings six companions along, chosen anew every "
        f"{recipe.companions['refresh']} epochs"
    ]


def _gate_search_lines(recipe):
    if recipe.gate_search is None:
        return []
    return [
        "- Before that: a search for the primary modality, batch "
        f"{recipe.gate_search['batch_size']}, until the gate rests, at most "
        f"{recipe.gate_search['epochs']} epochs; its choice is frozen and all else starts anew"
    ]


def _modulation_lines(recipe):
    if recipe.modulation is None:
        return []
    strategy = recipe.modulation.get("strategy")
    arguments = {key: value for key, value in recipe.modulation.items() if key != "strategy"}
    balanced = f"`{strategy}({_arguments(arguments)})`" if strategy else "nothing"
    concepts = ""
    if recipe.concepts is not None:
        concepts = (
            "; `strength_m` is the competition strength d_m against a network of m alone, "
            f"`{recipe.score}_concept_m`, trained for {recipe.concepts['epochs']} epochs"
        )
    return [
        f"- Modalities balanced by {balanced}; `{recipe.score}_m` is the score of the share of "
        f"modality m{concepts}"
    ]


def _primary_lines(primary):
    if not primary:
        return []
    chosen = ", ".join(f"{modality} in {count}" for modality, count in primary.most_common())
    return ["", f"The gate chose {chosen} of {primary.total()} searches."]


def _results_lines(entry):
    lines = _recorded_lines(entry) if entry.recorded else ["The recipe's are not recorded yet."]
    tables = {}
    for row in entry.results.get("rows", []):
        tables.setdefault(row["table"], []).append(row)
    for title, rows in tables.items():
        lines += ["", *_table_lines(entry, title, rows)]
    return lines


def _recorded_lines(entry):
    results = entry.results
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [
        f"Mean ± sd over the seeds {', '.join(map(str, results['seeds']))}; weights chosen by "
        f"`{entry.recipe.monitor}` alone, the test split scored once per run. `constant` is the "
        "best prediction that ignores the input, chosen on the training labels."
        + (" The score of a seed is the mean over its folds." * bool(entry.recipe.folds)),
        "",
        "| metric | validation | test | constant (test) | published |",
        "| --- | --- | --- | --- | --- |",
    ]
    for metric, test in results["test"].items():
        published = "; ".join(
            f"{row.model} {format_number(metric, row.value)}" + (f" ({row.note})" * bool(row.note))
            for row in entry.published
            if row.metric == metric
        )
        # A competition strength is fitted on validation, and measured on test alone.
        validation = results["validation"].get(metric)
        lines.append(
            f"| {metric} | {spread(metric, validation)} | {spread(metric, test)} "
            f"| {format_number(metric, test.get('baseline'))} | {published or '-'} |"
        )
    return [
        *lines,
        "",
        f"{results['parameters']:,} parameters; backend {results['backend']}; {versions}; data "
        f"sha256 {results['data_sha256'][:16]}",
        *_primary_lines(collections.Counter(results.get("primary", []))),
    ]


def _table_lines(entry, title, rows):
    metrics = list(rows[0]["test"])
    lines = [
        f"### {title}",
        f"| row | settings | seeds | {' | '.join(metrics)} | p against |",
        "| --- " * (len(metrics) + 4) + "|",
    ]
    for row in rows:
        scores = " | ".join(spread(metric, row["test"].get(metric)) for metric in metrics)
        p_value = row["test"][entry.recipe.score].get("p")
        against = f"{p_value:.3g} ({row['against']})" if p_value is not None else "-"
        settings = f"`{_arguments(row['settings'])}`" if row["settings"] else "-"
        count = len(row["seeds"])
        lines.append(f"| {row['label']} | {settings} | {count} | {scores} | {against} |")
    return lines
