"""The page of examples/app.py, used through its API on loopback."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tiny_zoo

from kerasfuse import recipes, zoo
from kerasfuse.checksum import sha256

pytest.importorskip("gradio", reason="Gradio is not installed")
client = pytest.importorskip("gradio_client", reason="Gradio is not installed")
soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")
# Gradio's client leaves what it opened to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = pathlib.Path(__file__).parents[2]
RATE = 16000
MODALITIES = "modalities = { text = 300, audio = 5, vision = 20 }"
FEATURES = '[features]\naudio = { extractor = "prosody", version = "1" }\nabsent = ["vision"]\n\n'
ENTRY = tiny_zoo.ENTRY.replace(MODALITIES, "modalities = { audio = 5, vision = 20 }").replace(
    "[recipe]", f"{FEATURES}[recipe]", 1
)


@pytest.fixture
def page(monkeypatch, tmp_path):
    """A client of the page, which another process shows, with one entry to choose."""
    path = tiny_zoo.use(monkeypatch, tmp_path / "zoo", ENTRY)
    weights = path.with_name("tiny.weights.h5")
    zoo.load(tiny_zoo.NAME, weights=None).save_weights(weights)
    written = {"file": weights.name, "sha256": sha256(weights), "seed": 1}
    zoo.write(tiny_zoo.NAME, weights=written)
    variables = {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(tmp_path / "uploads"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, ROOT / "examples/app.py", path],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            yield client.Client(found[0], verbose=False), str(path)
            break
    process.terminate()
    process.communicate()
    assert found, "".join(said)


@pytest.fixture
def clip(tmp_path):
    """Two tones with a pause between them."""
    t = np.arange(4 * RATE) / RATE
    x = 0.2 * np.sin(2 * np.pi * 200 * t) * ((t < 1.5) | (t > 2.5))
    soundfile.write(tmp_path / "clip.wav", x, RATE)
    return tmp_path / "clip.wav"


def test_a_clip_becomes_a_table_and_a_picture(page, clip):
    page, name = page
    sent = client.handle_file(str(clip))
    notes, table, picture = page.predict(sent, None, name, api_name="/judge")
    wanted, _ = recipes.predict_recording(name, clip)
    assert table["headers"] == list(wanted.columns) and len(table["data"]) == 2
    scores = [row[3] for row in table["data"]]
    np.testing.assert_allclose(scores, [row[3] for row in wanted.rows], atol=1e-3)
    assert "vision absent" in notes and "Terms of the weights" in notes
    assert pathlib.Path(picture).read_bytes().startswith(b"\x89PNG")


def test_what_is_wrong_is_said_on_the_page(page, tmp_path):
    page, name = page
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    sent = client.handle_file(str(tmp_path / "silent.wav"))
    with pytest.raises(client.exceptions.AppError, match="silent all through"):
        page.predict(sent, None, name, api_name="/judge")
    with pytest.raises(client.exceptions.AppError, match="Upload a clip first"):
        page.predict(None, None, name, api_name="/judge")
