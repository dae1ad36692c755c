"""Readers with a fault each, for a test of what the campaign counts."""

import os

import numpy as np
from hostile.sandbox import WrongData


def accept():
    return "what was read"


def refuse():
    raise ValueError("expected a file. Received: none")


def be_silent():
    raise ValueError("invalid literal")


def trip():
    return {}["missing"]


def execute():
    os.system("true")


def leave_a_mark():
    open("executed", "w").close()


def read_wrongly():
    raise WrongData("other numbers")


def crash():
    os.kill(os.getpid(), 11)


def leave():
    os._exit(0)


def recurse():
    deep = ()
    for _ in range(300_000):
        deep = (deep,)
    return hash(deep)


def fill_memory():
    return np.empty(2**33)


def never_end():
    while True:
        pass
