"""The multiply-adds of DAHB's Table 5, by hand."""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2] / "benchmarks"))

import dahb_fusion  # noqa: E402

TEXT, OTHERS, D = 39, 401 + 56, 128
ALL = TEXT + OTHERS


def block(queries, sources, inner):
    """One block: query, output and inner projections, keys and values of each source, attention."""
    dense = 2 * queries * D**2 + 2 * sources * D**2 + 2 * queries * D * inner
    return dense + 2 * queries * sources * D


def bottleneck(sizes):
    total, fused = 0, TEXT
    for size in sizes:
        total += block(fused, fused, 2 * D)  # encode
        total += block(size, ALL, 2 * D)  # gather
        # Each of three modalities projects the tokens for itself.
        total += block(ALL, size, 2 * D) + 2 * 2 * size * D**2
        fused = size
    return total


@pytest.fixture(scope="module")
def found():
    return {row["fusion"]: row for row in dahb_fusion.rows()}


def test_counts_are_those_by_hand(found):
    expected = {
        "concatenation": 0,
        "self_attention": 2 * block(ALL, ALL, 4 * D),
        "cross_attention": 2 * block(TEXT, OTHERS, 2 * D),
        "bottleneck": bottleneck([8, 8]),
        "hierarchical_bottleneck": bottleneck([8, 4]),
    }
    for fusion, count in expected.items():
        assert found[fusion]["millions"] == pytest.approx(count / 1e6, rel=1e-9), fusion


def test_the_hierarchy_costs_no_more_than_the_paper_says(found):
    hierarchical = found["hierarchical_bottleneck"]
    assert hierarchical["millions"] <= hierarchical["published"] == 145
    assert hierarchical["millions"] < found["bottleneck"]["millions"]
