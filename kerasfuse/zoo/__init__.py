"""The zoo: named models with their weights, recipes, results and cards."""

from kerasfuse.entries.definition import Entry
from kerasfuse.entries.recipe import Recipe
from kerasfuse.entries.terms import WeightTermsWarning
from kerasfuse.zoo.baselines import published_baselines
from kerasfuse.zoo.cards.card import card
from kerasfuse.zoo.catalogue import entries, entry, folder, names
from kerasfuse.zoo.listing import Entries
from kerasfuse.zoo.loading import SimulatedWeightsWarning, load, weights_path
from kerasfuse.zoo.readme import update_readme
from kerasfuse.zoo.scores import score, spread
from kerasfuse.zoo.writing import write

__all__ = [
    "Entries",
    "Entry",
    "Recipe",
    "SimulatedWeightsWarning",
    "WeightTermsWarning",
    "card",
    "entries",
    "entry",
    "folder",
    "load",
    "names",
    "published_baselines",
    "score",
    "spread",
    "update_readme",
    "weights_path",
    "write",
]
