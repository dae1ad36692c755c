"""The ablations of the papers, on the words of CMU-MOSI.

Every row is a run of an entry with a few settings changed and a paired test over seeds against the
entry's own result. It is recorded in the entry, and `make results` writes the page of CMU-MOSI
from all of them: which modalities are there, MICA's Tables 5 and A2, the primary modality of
HCT-MG's Table 4, DAHB's Tables 4 and 5, and the strength of AGM. Attempts are changes that were
made to reach a goal; an entry takes one over if its validation error is the lower one.

    python benchmarks/mosi_words_tables.py --jobs 2 --data-dir folder      # a night on two cores
    python benchmarks/mosi_words_tables.py --only hct_mg_mosi_words --tables "Table 4"
    python benchmarks/mosi_words_tables.py --tables Attempts --jobs 2

A run folder that is there goes on where it stopped, and a row that is recorded is left alone.
"""

import argparse
import os
import pathlib

from mica_tables import FORMS, SPREAD

os.environ.setdefault("KERAS_BACKEND", "torch")

SEEDS, FIVE = [1, 2, 3], [1, 2, 3, 4, 5]
TEXT_ALONE = "text alone"
# Its Table 5 is one of three from which a default is chosen.
MICA = "mica_mosi_words"
MODALITIES = {
    TEXT_ALONE: {"absent": ["timing", "audio"]},
    "text and timing": {"absent": ["audio"]},
    "text and audio": {"absent": ["timing"]},
}
ALONE = {TEXT_ALONE: MODALITIES[TEXT_ALONE]}
BASELINES = ("ef_lstm", "tfn", "misa", "mmim", "mfn", "graph_mfn")
PRIMARY = {name: {"gate": "fixed", "primary": name} for name in ("text", "timing", "audio")}
# As the entry was before its MMD sent its gradient through the bandwidth.
DETACHED = {"mmd_bandwidth": "detached"}
AVERAGED = {"average_weights": 0.98}
# Of entries that took that over.
LAST = {"last weights": {"average_weights": 0.0}}
IN_CONTEXT = {"context": 2}

# Entry -> table -> row -> settings.
TABLES = {
    "self_mm_frozen_mosi_words": {
        "Attempts": {
            **LAST,
            "weights averaged at 0.99": {"average_weights": 0.99},
            "weights averaged at 0.99, constant rate": {
                "average_weights": 0.99,
                "plateau_patience": 30,
            },
            "two utterances before": IN_CONTEXT,
        },
        "Modalities": ALONE,
    },
    **{f"{name}_mosi_words": {"Modalities": ALONE} for name in BASELINES},
    "text_frozen_mosi_words": {"Attempts": LAST},
    "text_mosi_words": {
        "Attempts": {
            "weights averaged": AVERAGED,
            "weights averaged, twelve epochs": AVERAGED | {"epochs": 12, "early_stopping": 12},
            "batches of eight": {"batch_size": 8},
        },
    },
    "self_mm_mosi_words": {
        "Attempts": {
            **LAST,
            "batches of eight": {"batch_size": 8},
        },
    },
    MICA: {
        "Attempts": {
            "bandwidth detached": DETACHED,
            "weights averaged, bandwidth detached": AVERAGED | DETACHED,
        },
        "Modalities": MODALITIES,
        "Table 5": {
            "backbone": {"alpha": 0.0},
            "+ element alignment, over the spread": {"alpha": 0.0, **SPREAD},
            **{f"full, {label}": settings for label, settings in FORMS.items()},
        },
    },
    "mult_mosi_words": {
        "Attempts": {"weights averaged": AVERAGED},
        "Modalities": MODALITIES,
        "Table A2": {
            "+ MMD": {"alpha": 0.8},
            "+ MMD + element alignment": {"alpha": 0.8, **SPREAD},
        },
    },
    "hct_mg_mosi_words": {
        "Attempts": {
            "gate searched": {"gate_search": {"batch_size": 32, "epochs": 10}},
            "weights averaged": AVERAGED,
            "two utterances before": IN_CONTEXT,
        },
        "Modalities": MODALITIES,
        "Table 4, the primary modality fixed": PRIMARY,
    },
    "dahb_frozen_mosi_words": {
        "Attempts": LAST,
        "Modalities": MODALITIES,
        "Table 4": {
            "without dual-stream alignment": {"temporal": False, "semantic": False},
            "without temporal alignment": {"temporal": False},
            "without semantic alignment": {"semantic": False},
            "without supervised contrast": {"supervised": False},
            "without hierarchical bottleneck": {"fusion": "concatenation"},
        },
        "Table 5": {
            "concatenation and self-attention": {"fusion": "self_attention"},
            "cross-attention": {"fusion": "cross_attention"},
            "bottleneck": {"fusion": "bottleneck"},
        },
    },
    "agm_late_mosi_words": {
        "Attempts": LAST,
        "Modalities": MODALITIES,
        "Strengths of modulation": {
            "joint training": {"modulation": None},
            **{
                f"alpha {alpha:g}": {"modulation": {"strategy": "AGM", "alpha": alpha}}
                for alpha in (0.3, 0.5, 1.0)
            },
        },
    },
}


def seeds_of(name, table, label):
    """Return the seeds of a row: five where more hangs on it than a line of a table."""
    return FIVE if label == TEXT_ALONE or (name, table) == (MICA, "Table 5") else SEEDS


def rows(entries, tables):
    """Yield entry, table, label and settings of the rows that are asked for and not yet recorded.

    Args:
        entries: names of entries, keys of `TABLES`.
        tables: what titles of tables begin with, or `None` for all.
    """
    from kerasfuse import zoo

    for name in entries:
        recorded = zoo.entry(name).results.get("rows", [])
        there = {(row["table"], row["label"]) for row in recorded}
        for table, content in TABLES[name].items():
            if tables is None or table.startswith(tuple(tables)):
                for label, settings in content.items():
                    if (table, label) not in there:
                        yield name, table, label, settings


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs/mosi_words"))
    parser.add_argument("--data-dir", help="folder of the data, by default KERASFUSE_DATA")
    parser.add_argument("--jobs", type=int, default=1, help="seeds trained at the same time")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--tables", nargs="+", help='beginnings of titles, such as "Table 5"')
    arguments = parser.parse_args()

    from rich.console import Console

    from kerasfuse import recipes

    console = Console()
    for name, table, label, settings in rows(arguments.only, arguments.tables):
        console.rule(f"{name}, {table}: {label}")
        place = "_".join([name, table.partition(",")[0], label]).replace(" ", "_").lower()
        run = recipes.train(
            name,
            arguments.runs / place,
            seeds_of(name, table, label),
            settings,
            data_dir=arguments.data_dir,
            jobs=arguments.jobs,
            verbose=0,
            report=console.print,
        )
        recipes.record(name, run, table, label, against="recorded")


if __name__ == "__main__":
    main()
