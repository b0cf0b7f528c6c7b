"""What stands in a picture, as an everyday word, if that is nearly sure.

`things.tsv` groups ImageNet's classes, by their numbers, to things; all breeds of dogs are a dog. A
class may belong to several: of those that are sure enough the narrowest is named, so what may be a
swan or a goose is a bird. The words stand in the catalogues.

Left out on purpose: people and their clothes, apes and monkeys, for a person must never be taken
for one; medical things and weapons; what papers and screens are taken for (menu, web site, ruler).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from augenblick.reader.classifier import Classifier, Floats

SURE = 0.7  # the sum of a thing's probabilities


class Thing(NamedTuple):
    """Something with a word of its own."""

    key: str  # its word is `reader.thing.KEY`
    classes: tuple[int, ...]


@cache
def things() -> tuple[Thing, ...]:
    """Everything that can be named, the narrowest first."""
    rows = Path(__file__).with_name("things.tsv").read_text("utf-8").splitlines()
    named = [Thing(key, _numbers(classes)) for key, classes in (row.split("\t") for row in rows)]
    return tuple(sorted(named, key=lambda thing: len(thing.classes)))


def _numbers(classes: str) -> tuple[int, ...]:
    bounds = ([int(bound) for bound in part.split("-")] for part in classes.split())
    return tuple(number for bound in bounds for number in range(bound[0], bound[-1] + 1))


def thing_in(image: Image.Image) -> str:
    """The key of the thing, empty if nothing is sure. The first call loads the model."""
    return thing_of(_classifier().probabilities(image))


@cache
def _classifier() -> Classifier:
    return Classifier()


def thing_of(probabilities: Floats, *, least: float = SURE) -> str:
    """The narrowest thing whose classes are together at least so probable, empty if none is."""
    sure = (each.key for each in things() if probabilities[list(each.classes)].sum() >= least)
    return next(sure, "")
