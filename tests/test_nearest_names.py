"""What is offered to somebody who wrote a name that is not there."""

import pytest

from kerasfuse.nearest_names import choose, nearest

SPLITS = ("train", "validation", "test")


def test_near_names_are_offered_and_else_all():
    assert nearest("tset", SPLITS) == "Nearest: test."
    assert nearest("xyz", SPLITS) == "Valid: test, train, validation."
    assert nearest(3, ()) == "Valid: none."
    assert nearest("?", [str(i) for i in range(100)]).endswith(", 25, 26 and 80 more.")


def test_one_of_the_choices_is_returned():
    assert choose("split", "test", SPLITS) == "test"


@pytest.mark.parametrize(("value", "hint"), [("tset", " Nearest: test."), ("xyz", ""), ([1], "")])
def test_another_is_refused_with_all_choices_in_their_order(value, hint):
    with pytest.raises(ValueError) as error:
        choose("split", value, SPLITS)
    assert str(error.value) == (
        f"expected split to be one of train, validation, test. Received: split={value!r}.{hint}"
    )
