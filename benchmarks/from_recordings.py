"""How long it takes from a recording to features and scores, and in how much memory.

Each row is a fresh process, whose time begins after the first imports; loading encoders and
networks counts. Speech is made by espeak-ng, a program; the face is the sample picture of
matplotlib; the clips are the speech of RAVDESS. Results are printed, and not kept.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

import measure

os.environ.setdefault("KERAS_BACKEND", "torch")
SPEECH = (
    "I really loved this movie. The actors were wonderful, and the music was great. But the ending "
    "was a little boring, and I expected more of it. "
)
COLUMNS = {
    "what": ("what", ""),
    "seconds": ("seconds", ".1f"),
    "cpu": ("of all cores together", ".1f"),
    "memory": ("peak memory, MB", ",.0f"),
    "goal": ("goal", ""),
}
CLIPS = 300
FORMS = ("features", "score", "minute", "three_hours", "extract", "extract_two")


def speech(path, seconds):
    """Write speech of a length as 16-bit wav; return its samples."""
    import numpy as np
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        said = pathlib.Path(folder, "said.wav")
        subprocess.run(["espeak-ng", "-v", "en-us", "-w", said, SPEECH], check=True)
        x, rate = soundfile.read(said, dtype="float32")
    count = round(seconds * rate)
    x = np.tile(x, -(-count // len(x)))[:count]
    soundfile.write(path, x, rate, subtype="PCM_16")
    return x, rate


def video(path, seconds, frames=25):
    """Write an mp4 of a face that moves, with speech."""
    import av
    import matplotlib.cbook
    import numpy as np
    import PIL.Image

    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        person = np.asarray(PIL.Image.open(file).convert("RGB"))[::2, ::2]
    x, rate = speech(path.with_suffix(".wav"), seconds)
    with av.open(str(path), "w") as container:
        shown = container.add_stream("mpeg4", rate=frames)
        shown.width, shown.height, shown.pix_fmt = 640, 480, "yuv420p"
        heard = container.add_stream("aac", rate=rate)
        for i in range(round(seconds * frames)):
            canvas = np.full((480, 640, 3), 90, "uint8")
            left = round(180 + 100 * np.sin(i / frames))
            canvas[60 : 60 + person.shape[0], left : left + person.shape[1]] = person
            container.mux(shown.encode(av.VideoFrame.from_ndarray(canvas, "rgb24")))
        for first in range(0, len(x), 1024):
            part = av.AudioFrame.from_ndarray(x[None, first : first + 1024], "flt", "mono")
            part.sample_rate, part.pts = rate, first
            container.mux(heard.encode(part))
        for stream in (shown, heard):
            container.mux(stream.encode(None))


def work(name, folder, entry):
    """Do what a row is about, and print seconds and bytes."""
    from kerasfuse import recordings

    clip = folder / "ten.mp4"
    begin, used = time.perf_counter(), computed()
    if name == "features":
        options = {"sound": "log_mel", "words": "all", "face": True}
        recordings.extract([clip], folder / "features", **options)
        recordings.prosody(recordings.Sound(clip))
    elif name == "score":
        recordings.predict(entry, clip)
    elif name in ("minute", "three_hours"):
        sound = recordings.Sound(folder / f"{name}.wav")
        recordings.log_mel(sound)
        recordings.prosody(sound)
    else:
        jobs = 2 if name.endswith("two") else 1
        recordings.extract([folder / "clips.csv"], folder / name, words="none", jobs=jobs)
    seconds = time.perf_counter() - begin
    row = {"seconds": seconds, "cpu": computed() - used}
    print(json.dumps(row | {"memory": measure.peak_resident_bytes() / 1e6}))


def computed():
    """Return the seconds that cores have worked for this process and those it has waited for."""
    return sum(os.times()[:4])


def run(name, folder, entry):
    what, limit = {
        "features": ("10 s mp4: sound, words by recognition, text, timing, face", 20),
        "score": (f"10 s mp4: words, and the score of {entry} with each word left out", 20),
        "minute": ("60 s of sound: log-mel and prosody", 30),
        "three_hours": ("3 h of sound: log-mel and prosody", None),
        "extract": (f"extract, {CLIPS} clips of RAVDESS, sound, 1 process", 120),
        "extract_two": (f"extract, {CLIPS} clips of RAVDESS, sound, 2 processes", 120),
    }[name]
    root = pathlib.Path(__file__).parents[1]
    asked = ("--work", name, "--folder", folder, "--entry", entry)
    # Nothing is remembered from another run.
    variables = {"PYTHONPATH": str(root), "KERASFUSE_CACHE": str(folder / "cache")}
    row = {"what": what, **measure.in_new_process(__file__, *asked, variables=variables)}
    goals = ([f"under {limit} s"] if limit else []) + ["under 2 GB"]
    met = (limit is None or row["seconds"] < limit) and row["memory"] < 2000
    return row | {"goal": f"{', '.join(goals)}: {'met' if met else 'missed'}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech", help="Folder of the clips of RAVDESS.")
    parser.add_argument("--entry", default="text_mosi_words")
    parser.add_argument("--only", nargs="+", default=list(FORMS), choices=FORMS)
    parser.add_argument("--work", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work, arguments.folder, arguments.entry)
        return
    forms = list(arguments.only)
    source = pathlib.Path(arguments.speech or root_of_speech())
    files = sorted(source.rglob("*.flac"))[:CLIPS]
    if len(files) < CLIPS:
        print(f"fewer than {CLIPS} clips in {source}: left out")
        forms = [name for name in forms if not name.startswith("extract")]
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        video(folder / "ten.mp4", 10)
        if "minute" in forms:
            speech(folder / "minute.wav", 60)
        if "three_hours" in forms:
            speech(folder / "three_hours.wav", 3 * 3600)
        lines = ["path", *(str(file.resolve()) for file in files)]
        (folder / "clips.csv").write_text("\n".join(lines) + "\n")
        for name in forms:
            rows.append(run(name, folder, arguments.entry))
    print(measure.markdown(rows, COLUMNS))


def root_of_speech():
    data = os.environ.get("KERASFUSE_DATA", pathlib.Path(__file__).parents[2] / "shared/data")
    return pathlib.Path(data).parent / "recordings/ravdess/speech"


if __name__ == "__main__":
    main()
