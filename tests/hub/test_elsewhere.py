"""Entries and weights from elsewhere: fetched, checked, kept, and refused when they are wrong."""

import contextlib
import errno
import hashlib
import pathlib
import pickle
import re
import shutil
import time

import h5py
import hub_server
import keras
import numpy as np
import pytest
import tiny_zoo

from kerasfuse import hub, recipes, zoo
from kerasfuse.checksum import sha256

REPOSITORY = "/someone/tiny/resolve/main/"
WEIGHTS = "tiny_simulated.weights.h5"

pytestmark = pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A published folder, as bytes by name, and the scores that its model gives."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        path = tiny_zoo.use(patch, folder / "zoo")
        model = zoo.load(tiny_zoo.NAME, weights=None)
        model.save_weights(path.with_name(WEIGHTS))
        digest = sha256(path.with_name(WEIGHTS))
        zoo.write(tiny_zoo.NAME, weights={"file": WEIGHTS, "sha256": digest, "seed": 1})
        recipes.publish(tiny_zoo.NAME, folder / "out")
    files = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    return files, model.predict(inputs(), verbose=0)


@pytest.fixture
def server(published, monkeypatch, tmp_path):
    """A server that plays the hub, and an empty cache."""
    monkeypatch.setenv("KERASFUSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = hub_server.Server()
    server.files = {REPOSITORY + name: data for name, data in published[0].items()}
    with server.running():
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def folder(published, tmp_path):
    """The published folder, on this machine."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in published[0].items():
        (folder / name).write_bytes(data)
    return folder


def inputs():
    rng = np.random.default_rng(0)
    widths = {"text": 300, "audio": 5, "vision": 20}
    return {m: rng.normal(size=(3, 4, width)).astype("float32") for m, width in widths.items()}


def kept(tmp_path):
    """What lies in the cache, temporary files too."""
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def change(files, old, new):
    """The bytes of an entry with one text in place of another."""
    text = files["entry.toml"].decode()
    assert old in text
    return text.replace(old, new, 1).encode()


# What works.


def test_a_repository_a_url_and_a_folder_give_the_same_model(server, published, folder):
    for address in ("hf://someone/tiny", server.url + REPOSITORY, folder, f"{folder}"):
        scores = zoo.load(address).predict(inputs(), verbose=0)
        np.testing.assert_array_equal(scores, published[1])
    assert zoo.entry("hf://someone/tiny").name == tiny_zoo.NAME
    assert zoo.card(folder).startswith("# tiny_simulated: A model for tests")


def test_a_revision_is_asked_for_by_its_name(server, published):
    server.files = {
        f"/someone/tiny/resolve/v1.0%2Ffix/{name}": data for name, data in published[0].items()
    }
    zoo.load("hf://someone/tiny@v1.0/fix")
    with pytest.raises(FileNotFoundError, match="404"):
        zoo.load("hf://someone/tiny")


def test_weights_are_fetched_once(server):
    zoo.load("hf://someone/tiny")
    zoo.load("hf://someone/tiny")
    assert server.asked.count(REPOSITORY + WEIGHTS) == 1


def test_without_a_network_the_kept_copy_is_taken_and_said_so(server, published, monkeypatch):
    zoo.load("hf://someone/tiny")
    server.behaviour = dict.fromkeys(server.files, hub_server.refuse(503))
    with pytest.warns(UserWarning, match="hf://someone/tiny that was fetched earlier is taken"):
        scores = zoo.load("hf://someone/tiny").predict(inputs(), verbose=0)
    np.testing.assert_array_equal(scores, published[1])


def test_a_pinned_entry_asks_nobody_once_it_is_there(server, published):
    digest = hashlib.sha256(published[0]["entry.toml"]).hexdigest()
    zoo.load(f"hf://someone/tiny#sha256={digest}")
    server.asked.clear()
    zoo.load(f"hf://someone/tiny#sha256={digest}")
    assert server.asked == []


def test_a_new_entry_replaces_the_kept_one(server, published):
    zoo.load("hf://someone/tiny")
    server.files[REPOSITORY + "entry.toml"] = change(published[0], "A model for tests", "Newer")
    assert zoo.entry("hf://someone/tiny").title == "Newer"


def test_damaged_weights_in_the_cache_are_fetched_again(server, published, tmp_path):
    zoo.load("hf://someone/tiny")
    (path,) = (tmp_path / "cache" / "weights").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    scores = zoo.load("hf://someone/tiny").predict(inputs(), verbose=0)
    np.testing.assert_array_equal(scores, published[1])


def test_a_redirect_within_the_server_is_followed(server, published):
    server.files["/store/1"] = published[0][WEIGHTS]
    server.behaviour[REPOSITORY + WEIGHTS] = hub_server.redirect_to("/store/1")
    zoo.load("hf://someone/tiny")
    assert "/store/1" in server.asked


def test_progress_is_shown_on_a_terminal(server, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    zoo.load("hf://someone/tiny")
    assert WEIGHTS in capsys.readouterr().err


def test_the_cache_is_where_the_variable_says_else_where_the_platform_does(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASFUSE_CACHE", str(tmp_path))
    assert hub.cache_folder() == tmp_path
    monkeypatch.delenv("KERASFUSE_CACHE")
    assert hub.cache_folder().is_absolute() and "kerasfuse" in hub.cache_folder().parts


# What is refused, and leaves nothing behind.


def test_nobody_answers(server, monkeypatch, tmp_path):
    # Port 9 discards, where anybody listens at all.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="expected an answer from .*Check the network"):
        zoo.load("hf://someone/tiny")
    assert kept(tmp_path) == []


@pytest.mark.parametrize("file", ["entry.toml", WEIGHTS])
def test_a_download_that_breaks_off_is_not_kept(server, tmp_path, file):
    server.behaviour[REPOSITORY + file] = hub_server.breaking_off
    with pytest.raises(ConnectionError, match="before the connection broke"):
        zoo.load("hf://someone/tiny")
    assert file == WEIGHTS or kept(tmp_path) == []
    assert not any(name.endswith(".h5") for name in kept(tmp_path))
    del server.behaviour[REPOSITORY + file]
    zoo.load("hf://someone/tiny")
    assert not any(name.endswith(".part") for name in kept(tmp_path))


def test_the_rest_is_asked_for(server, published, tmp_path):
    content, ranges = published[0][WEIGHTS], []

    def behave(handler, content):
        ranges.append(handler.headers.get("Range"))
        begun = int((ranges[-1] or "bytes=0-")[6:-1])
        handler.send_response(206 if begun else 200)
        handler.send_header("Content-Length", str(len(content) - begun))
        handler.send_header("Content-Range", f"bytes {begun}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        handler.wfile.write(content[begun:] if begun else content[:100])
        handler.close_connection = True

    server.behaviour[REPOSITORY + WEIGHTS] = behave
    zoo.load("hf://someone/tiny")
    assert ranges == [None, "bytes=100-"]
    (path,) = (tmp_path / "cache" / "weights").iterdir()
    assert path.read_bytes() == content


@pytest.mark.parametrize("told", ["bytes 0-9/10", "bytes 5-9/10", ""])
@pytest.mark.parametrize("file", ["entry.toml", WEIGHTS])
def test_a_part_that_nobody_asked_for(server, tmp_path, file, told):
    def behave(handler, content):
        handler.send_response(206)
        handler.send_header("Content-Length", "5")
        if told:
            handler.send_header("Content-Range", told)
        handler.end_headers()
        handler.wfile.write(content[:5])

    server.behaviour[REPOSITORY + file] = behave
    with pytest.raises(ConnectionError, match="expected all of .*a part of it, .*nobody asked for"):
        zoo.load("hf://someone/tiny")
    assert not any(WEIGHTS in name for name in kept(tmp_path))


def test_the_rest_of_another_file_is_fetched_anew(server, published, tmp_path):
    digest = hashlib.sha256(published[0][WEIGHTS]).hexdigest()
    part = tmp_path / "cache" / "weights" / f"{digest}.weights.h5.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another file")
    zoo.load("hf://someone/tiny")
    assert [path.name for path in part.parent.iterdir()] == [f"{digest}.weights.h5"]


def drip(handler, content):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    with contextlib.suppress(OSError):
        for _ in range(200):
            handler.wfile.write(b"a")
            time.sleep(0.05)


def drip_body(handler, content):
    hub_server.answer(handler, b"", length=len(content))
    with contextlib.suppress(OSError):
        for _ in range(200):
            handler.wfile.write(b"a")
            time.sleep(0.05)


@pytest.mark.parametrize("behaviour", [drip, drip_body])
@pytest.mark.parametrize("file", ["entry.toml", WEIGHTS])
def test_a_server_that_is_too_slow(server, monkeypatch, file, behaviour):
    monkeypatch.setattr("kerasfuse.hub.download.GRACE", 0.5)
    server.behaviour[REPOSITORY + file] = behaviour
    with pytest.raises(ConnectionError, match="slower than 10000 bytes a second"):
        zoo.load("hf://someone/tiny")


@pytest.mark.parametrize("told", [True, False])
def test_more_than_the_entry_says(server, published, tmp_path, told):
    digest = hashlib.sha256(published[0][WEIGHTS]).hexdigest()
    size = len(published[0][WEIGHTS])
    entry = change(published[0], f'sha256 = "{digest}"', f'sha256 = "{digest}"\nsize = {size}')
    server.files[REPOSITORY + "entry.toml"] = entry
    zoo.load("hf://someone/tiny")
    shutil.rmtree(tmp_path / "cache")

    def longer(handler, content):
        handler.send_response(200)
        if told:
            handler.send_header("Content-Length", str(size + 1))
        handler.end_headers()
        handler.wfile.write(content + b"a")
        handler.close_connection = True

    server.behaviour[REPOSITORY + WEIGHTS] = longer
    with pytest.raises(ValueError, match=f"expected at most {size} bytes. Received: more"):
        zoo.load("hf://someone/tiny")
    assert kept(tmp_path) == ["entry.toml"]


def test_tampered_weights(server, published, tmp_path, folder):
    changed = bytearray(published[0][WEIGHTS])
    changed[-1] ^= 1
    server.files[REPOSITORY + WEIGHTS] = bytes(changed)
    (folder / WEIGHTS).write_bytes(changed)
    for address in ("hf://someone/tiny", folder):
        with pytest.raises(ValueError, match="expected .* with sha256 .* Received: .*changed or"):
            zoo.load(address)
    assert not any("weights" in name for name in kept(tmp_path))


def test_a_tampered_entry_that_was_pinned(server, tmp_path, folder):
    for address in ("hf://someone/tiny", folder):
        with pytest.raises(ValueError, match="expected an entry.toml with sha256 000.*Received"):
            zoo.load(f"{address}#sha256={'0' * 64}")
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (404, FileNotFoundError, "404 .*kerasfuse publish"),
        (401, PermissionError, "not public.*hf download"),
        (500, ConnectionError, "500 .*Try later"),
    ],
)
def test_the_server_refuses(server, code, error, message):
    server.behaviour[REPOSITORY + "entry.toml"] = hub_server.refuse(code)
    with pytest.raises(error, match=message):
        zoo.load("hf://someone/tiny")


@pytest.mark.parametrize(
    "url", ["http://example.invalid/a", "http://127.0.0.1:9/", "file:///etc/a", "http://["]
)
def test_a_redirect_to_anything_but_https(server, url):
    server.behaviour[REPOSITORY + "entry.toml"] = hub_server.redirect_to(url)
    with pytest.raises(ValueError, match=f"Received: .*[Rr]edirect.* to .*{re.escape(url)}"):
        zoo.load("hf://someone/tiny")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("http://example.invalid/a", "starts with hf:// or https://"),
        ("ftp://example.invalid/a", "starts with hf:// or https://"),
        ("file:///etc", "starts with hf:// or https://"),
        ("https://example.invalid/a?b", "without '[?]'"),
        ("https://[a", "expected an address that is one"),
        ("hf://tiny", "expected hf://owner/name"),
        ("hf://someone/../../etc", "expected hf://owner/name"),
        ("hf://../tiny", "expected hf://owner/name"),
        ("hf://someone/tiny@../../x", "expected hf://owner/name"),
        ("hf://someone/tiny@", "expected hf://owner/name"),
        ("hf://someone/tiny#sha256=12", "64 hexadecimal digits"),
        ("./not/there", "expected the name of a zoo entry, or the address of a folder"),
    ],
)
def test_an_address_that_is_none(name, message):
    with pytest.raises(ValueError, match=message):
        zoo.load(name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('class = "LMF"', "", "expected model.class"),
        ('loss = "mae"', "", "expected recipe.loss"),
        ('loss = "mae"', 'loss = "mae"\ninitial_weights = 3', "expected initial_weights to be"),
        ("rank = 2", "ranks = 2", "model.ranks=2. Nearest: rank"),
        ('class = "LMF"', 'class = "os.system"', "class='os.system'"),
        ('class = "LMF"', "class = ['LMF']", "is not a valid entry"),
        ("[model.args]", "args = 3\n[models.args]", "is not a valid entry"),
        ('name = "tiny_simulated"', 'name = "../../tiny"', "entry.name of letters"),
        (f'"{WEIGHTS}"', '"../../x.weights.h5"', "bare file name"),
        (f'"{WEIGHTS}"', '"..\\\\x.weights.h5"', "bare file name"),
        (f'"{WEIGHTS}"', '"model.pkl"', "to end in .weights.h5. Received: file='model.pkl'"),
        ('sha256 = "', 'sha256 = "x', "64 hexadecimal digits"),
        (
            "rank = 2",
            'rank = { class_name = "system", module = "os" }',
            "objects that Keras has serialized are not made",
        ),
        ("[model]", "[model", "at line"),
    ],
)
def test_an_entry_that_is_none(server, published, tmp_path, folder, old, new, message):
    wrong = change(published[0], old, new)
    server.files[REPOSITORY + "entry.toml"] = wrong
    (folder / "entry.toml").write_bytes(wrong)
    for address in ("hf://someone/tiny", folder):
        with pytest.raises(ValueError, match=f"entry.toml of .*{message}"):
            zoo.load(address)
    assert kept(tmp_path) == []


def test_an_entry_of_no_end(server):
    server.files[REPOSITORY + "entry.toml"] = b"#" * (2**20 + 1)
    with pytest.raises(ValueError, match="at most 1048576 bytes"):
        zoo.load("hf://someone/tiny")


def test_an_entry_without_weights(server, published, folder):
    text = published[0]["entry.toml"].decode()
    lines = [x for x in text.splitlines() if not x.startswith(("file =", "sha256 ="))]
    (folder / "entry.toml").write_text("\n".join(lines))
    with pytest.raises(FileNotFoundError, match="which has none. Pass weights=None"):
        zoo.load(folder)
    keras.utils.set_random_seed(7)  # not that of the weights
    random = zoo.load(folder, weights=None).predict(inputs(), verbose=0)
    assert random.shape == published[1].shape and np.abs(random - published[1]).min() > 1e-6


def test_weights_that_are_not_beside_their_entry(folder):
    (folder / WEIGHTS).unlink()
    with pytest.raises(FileNotFoundError, match="which is not there"):
        zoo.load(folder)


class Marker:
    """What a pickle would run."""

    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path("it-ran"),)


def test_a_pickle_is_never_read(published, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Marker())
    put_weights(folder, published, data)
    with pytest.raises(ValueError, match="expected weights in HDF5"):
        zoo.load(folder)
    assert not pathlib.Path("it-ran").exists()


def test_weights_that_lead_to_another_file(published, folder, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.ones(3)
    with h5py.File(folder / WEIGHTS, "a") as file:
        file["layers/elsewhere"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/x")
    put_weights(folder, published, (folder / WEIGHTS).read_bytes())
    with pytest.raises(ValueError, match="'/layers/elsewhere' is a link to another"):
        zoo.load(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(server, published, folder, value):
    with h5py.File(folder / WEIGHTS, "a") as file:
        name = "layers/dense/vars/0"
        file[name][...] = np.full(file[name].shape, value)
    put_weights(folder, published, (folder / WEIGHTS).read_bytes())
    for file in ("entry.toml", WEIGHTS):
        server.files[REPOSITORY + file] = (folder / file).read_bytes()
    for address in (folder, "hf://someone/tiny"):
        with pytest.raises(ValueError, match="that are finite.*layers/dense/vars/0"):
            zoo.load(address)


def put_weights(folder, published, data):
    """Give a folder other weights, and the entry their checksum."""
    old = hashlib.sha256(published[0][WEIGHTS]).hexdigest()
    (folder / WEIGHTS).write_bytes(data)
    entry = change(published[0], old, hashlib.sha256(data).hexdigest())
    (folder / "entry.toml").write_bytes(entry)


def test_a_full_disk(server, monkeypatch, tmp_path):
    class Full:
        def __init__(self, path, mode):
            self.file = open(path, mode)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, data):
            self.file.write(data[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kerasfuse.hub.download.open", Full, raising=False)
    with pytest.raises(OSError, match="a full disk. Make room.*KERASFUSE_CACHE"):
        zoo.load("hf://someone/tiny")
    assert kept(tmp_path) == ["entry.toml"]


def test_training_wants_a_name(folder):
    with pytest.raises(ValueError, match="an address. Load the model with zoo.load"):
        recipes.train(str(folder))
