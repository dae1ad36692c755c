import keras
import numpy as np
import torch

from kerasfuse.backend.torch_random import uniform


def test_numbers_are_uniform_and_do_not_tell_of_each_other():
    seed = keras.random.SeedGenerator(3)
    first, second = (uniform(torch.empty(200, 500), seed).numpy() for _ in range(2))
    for x in (first, second):
        assert 0.0 <= x.min() and x.max() < 1.0
        # 100,000 numbers: a hundredth of them each, within five standard deviations.
        counts = np.histogram(x, bins=100, range=(0, 1))[0]
        assert abs(counts - 1000).max() < 5 * 1000**0.5
    pairs = [(first, second), (first[:, 1:], first[:, :-1]), (first[1:], first[:-1])]
    for a, b in pairs:
        # The correlation of as many independent numbers is 0.003 on average.
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.016


def test_a_seed_tells_the_numbers_and_they_go_on():
    x = torch.empty(50)
    one, same, other = (keras.random.SeedGenerator(seed) for seed in (3, 3, 4))
    drawn = uniform(x, one)
    assert torch.equal(drawn, uniform(x, same))
    assert not torch.equal(drawn, uniform(x, other))
    assert not torch.equal(drawn, uniform(x, one))
    # Keras counts on where this stopped, so that a saved state continues.
    assert one.state.numpy().tolist() == [3, 2]
    assert torch.equal(uniform(x, 7), uniform(x, 7))


def test_without_a_seed_of_its_own_it_draws_from_pytorchs_generator():
    x, unseeded = torch.empty(50), keras.random.SeedGenerator()
    for seed in (None, unseeded):
        torch.manual_seed(0)
        drawn = uniform(x, seed)
        torch.manual_seed(0)
        assert torch.equal(drawn, torch.rand(50))
