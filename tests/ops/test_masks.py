import numpy as np
from keras import ops

from kerasfuse.ops import padding_mask
from kerasfuse.ops.masks import gather_step, last_valid_step
from kerasfuse.ops.positions import positions_from_first_valid


def test_a_step_of_zeros_is_padding_wherever_it_stands():
    x = np.array([[[0, 0], [0, 2], [0, 0], [-1, 1], [0, 0]]], "float32")
    assert np.array(padding_mask(x)).tolist() == [[False, True, False, True, False]]


def test_features_that_cancel_out_are_no_padding():
    assert np.array(padding_mask(np.array([[[1.0, -1.0]]]))).tolist() == [[True]]


def test_id_zero_is_padding():
    assert np.array(padding_mask(np.array([[0, 7, 3, 0]]))).tolist() == [[False, True, True, False]]


def test_positions_count_from_the_first_real_step_and_a_gap_keeps_its_place():
    mask = np.array([[False, False, True, False, True], [True, True, False, False, False]])
    positions = np.array(positions_from_first_valid(ops.convert_to_tensor(mask)))
    assert positions[0, 2:].tolist() == [1, 2, 3]
    assert positions[1, :2].tolist() == [1, 2]


def test_the_last_real_step_is_found_by_the_mask():
    mask = np.array([[True, False, True, False], [False, False, False, False]])
    index = last_valid_step(ops.convert_to_tensor(mask))
    assert np.array(index).tolist() == [2, 0]
    x = np.arange(8, dtype="float32").reshape(2, 4, 1)
    assert np.array(gather_step(ops.convert_to_tensor(x), index)).tolist() == [[2.0], [4.0]]
