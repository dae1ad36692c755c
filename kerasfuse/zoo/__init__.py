"""The zoo: named models with their weights, recipes, results and cards."""

from kerasfuse.entries.definition import Entry
from kerasfuse.entries.recipe import Recipe
from kerasfuse.entries.terms import WeightTermsWarning
from kerasfuse.zoo.baselines import published_baselines
from kerasfuse.zoo.cards.card import card
from kerasfuse.zoo.catalogue import entries, entry, folder, folders, is_file, names, place
from kerasfuse.zoo.listing import Entries
from kerasfuse.zoo.loading import SimulatedWeightsWarning, load, weights_path
from kerasfuse.zoo.readme import update_readme
from kerasfuse.zoo.scores import score, spread
from kerasfuse.zoo.transfer import RemadeWeightsWarning, Transferred, transfer
from kerasfuse.zoo.writing import write

__all__ = [
    "Entries",
    "Entry",
    "Recipe",
    "RemadeWeightsWarning",
    "SimulatedWeightsWarning",
    "Transferred",
    "WeightTermsWarning",
    "card",
    "entries",
    "entry",
    "folder",
    "folders",
    "is_file",
    "load",
    "names",
    "place",
    "published_baselines",
    "score",
    "spread",
    "transfer",
    "update_readme",
    "weights_path",
    "write",
]
