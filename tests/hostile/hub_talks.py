"""Conversations with a server that breaks every rule, from seeds.

A small entry and its weights are asked for, from a server on this machine. Each file may be cut,
endless, dripping, of another length, redirected, changed or refused. Either the model comes with
the very weights that were published, or a sentence says why not; nothing else is kept.
"""

import os
import pathlib
import random
import shutil
import time
import warnings

import numpy as np
from hostile import mutations
from hostile.sandbox import WrongData
from hub_server import Server, answer, breaking_off, redirect_to, refuse

_PLACE = "/someone/tiny/resolve/main/"
# Bytes that the server sends of what has no end, and that nobody may keep.
_ENDLESS = 2**25
_MOST_KEPT = 2**23


def prepare(run, folder):
    """Publish a run."""
    from kerasfuse import recipes

    recipes.publish(run, folder)


def talk(seed, good):
    """Ask for an entry and its weights, and again if the connection broke."""
    from kerasfuse import zoo
    from kerasfuse.hub import download

    published = {path.name: path.read_bytes() for path in pathlib.Path(good).iterdir()}
    published.pop("README.md")
    rng = random.Random(f"hub {seed}")
    # So that nobody waits: of a thousand bytes a second there is much less than half a second.
    download.TIMEOUT, download.GRACE, download.SLOWEST = 0.5, 1.0, 1_000_000
    server = Server()
    with server.running():
        os.environ["HF_ENDPOINT"] = server.url
        for name, content in published.items():
            server.files[_PLACE + name] = content
            if rng.random() < 0.6:
                server.behaviour[_PLACE + name] = _behaviour(rng, name, content, server)
        error = None
        for _ in range(2):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    model = zoo.load("hf://someone/tiny")
                error = None
                break
            except ConnectionError as found:
                error = found
    _check_kept(published, may_be_part=isinstance(error, ConnectionError))
    if error is not None:
        raise error
    weights = next(name for name in published if name.endswith(".h5"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        wanted = zoo.load(pathlib.Path(good), pathlib.Path(good, weights))
    for mine, theirs in zip(model.weights, wanted.weights, strict=True):
        if not np.array_equal(mine.numpy(), theirs.numpy()):
            raise WrongData(f"other weights of {mine.path}")


def _check_kept(published, may_be_part):
    cache = pathlib.Path(os.environ["KERASFUSE_CACHE"])
    for path in cache.rglob("*") if cache.exists() else ():
        if not path.is_file():
            continue
        size = path.stat().st_size
        is_part = path.name.endswith(".part")
        if path.name.startswith(".") or (is_part and not may_be_part) or size > _MOST_KEPT:
            raise WrongData(f"{path.name} of {size:,} bytes is left")
        if path.suffix == ".h5" and path.read_bytes() not in published.values():
            raise WrongData(f"{path.name}, which nobody published, is kept")
    shutil.rmtree(cache, ignore_errors=True)


def _behaviour(rng, name, content, server):
    changed = mutations.broken(content, rng.getrandbits(32))
    return rng.choice(
        (
            lambda handler, content: answer(handler, changed),
            lambda handler, content: answer(handler, content, length=rng.choice((0, 1, 10**15))),
            breaking_off,
            breaking_off,
            _honours_ranges(rng),
            _honours_ranges(rng),
            _wrong_range(rng),
            _endless(with_length=False),
            _endless(with_length=True),
            _drip(in_headers=True),
            _drip(in_headers=False),
            _raw(rng),
            _chunked(rng, content),
            refuse(rng.choice((401, 403, 404, 410, 416, 429, 500, 503))),
            redirect_to(
                rng.choice(
                    (
                        *("file:///etc/passwd", "ftp://127.0.0.1/x", "http://10.0.0.1/x", "//"),
                        *(server.url + _PLACE + name, server.url + "/nothing", "http://[", ""),
                        *("data:text/plain,abc", "https://127.0.0.1:1/x", "\x00", "a" * 70_000),
                    )
                )
            ),
        )
    )


def _honours_ranges(rng):
    """Break off a few times, and go on where it was asked to."""
    breaks = [rng.randint(1, 3)]

    def behave(handler, content):
        begun = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        rest = content[begun:]
        handler.send_response(206 if begun else 200)
        handler.send_header("Content-Length", str(len(rest)))
        handler.send_header("Content-Range", f"bytes {begun}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        breaks[0] -= 1
        handler.wfile.write(rest if breaks[0] < 0 else rest[: len(rest) // 2])
        handler.close_connection = True

    return behave


def _wrong_range(rng):
    sent = rng.choice(("bytes 7-9/10", "bytes */0", "", "nonsense", "bytes 0-0/1"))

    def behave(handler, content):
        if "Range" not in handler.headers:
            return breaking_off(handler, content)
        handler.send_response(206)
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("Content-Range", sent)
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def _endless(with_length):
    def behave(handler, content):
        handler.send_response(200)
        if with_length:
            handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        for _ in range(_ENDLESS // 2**16):
            handler.wfile.write(b"\0" * 2**16)
        handler.close_connection = True

    return _until_closed(behave)


def _drip(in_headers):
    def behave(handler, content):
        if not in_headers:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(100):
            handler.wfile.write(b"a")
            handler.wfile.flush()
            time.sleep(0.1)
        handler.close_connection = True

    return _until_closed(behave)


def _raw(rng):
    sent = rng.choice(
        (
            b"",
            b"\0" * 100,
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/9.9 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc",
            b"HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\nabc",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
            b"HTTP/1.1 304 Not Modified\r\n\r\n",
            rng.randbytes(300),
        )
    )

    def behave(handler, content):
        handler.wfile.write(sent)
        handler.close_connection = True

    return behave


def _chunked(rng, content):
    sizes = rng.choice((b"zz", b"-1", b"ffffffffffffffff", b"5", b"%x" % len(content)))

    def behave(handler, content):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        handler.wfile.write(sizes + b"\r\n" + content + b"\r\n")
        if rng.random() < 0.5:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return _until_closed(behave)


def _until_closed(behave):
    """Let nobody hear of it when the other side hangs up."""

    def quiet(handler, content):
        try:
            behave(handler, content)
        except OSError:
            handler.close_connection = True

    return quiet
