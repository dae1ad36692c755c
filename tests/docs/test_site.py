"""The built site in a browser: every link leads somewhere, and nothing comes from elsewhere.

`make docs` builds the site and runs this.
"""

import functools
import html.parser
import http.server
import importlib
import json
import pathlib
import pkgutil
import queue
import re
import subprocess
import threading

import chromium
import pytest

import kerasfuse

ROOT = pathlib.Path(__file__).parents[2]
SITE = ROOT / "build" / "docs"
CRAWL = pathlib.Path(__file__).with_name("crawl.html")
# Pages of Sphinx that no page links to: a browser's address bar, or the search field, does.
UNLINKED = {"/genindex.html", "/py-modindex.html", "/search.html", "/_modules/index.html"}

pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def pages():
    """Return address -> text of all pages."""
    found = {
        f"/{path.relative_to(SITE).as_posix()}": path.read_text(encoding="utf-8")
        for path in SITE.rglob("*.html")
        if "_static" not in path.parts
    }
    assert found, f"expected the site in {SITE}: make docs"
    return found


class Site(http.server.SimpleHTTPRequestHandler):
    """Serve the site and, beside it, the page that crawls it and hands in its report."""

    def __init__(self, *args, reports, missing, **kwargs):
        self.reports, self.missing = reports, missing
        super().__init__(*args, directory=SITE, **kwargs)

    def do_GET(self):
        if self.path == "/crawl":
            body = CRAWL.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            super().do_GET()

    def do_POST(self):
        self.reports.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def send_error(self, code, *args):
        if self.path != "/favicon.ico":
            self.missing.append(self.path)
        super().send_error(code, *args)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def crawled(pages, tmp_path_factory):
    """Return the report of a browser that opened all pages, what it missed, and its console."""
    # The site is all that it reaches.
    only_here = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    start = chromium.command(
        tmp_path_factory.mktemp("profile"), only_here, "--enable-logging=stderr"
    )
    console = tmp_path_factory.mktemp("console") / "stderr"
    reports, missing = queue.Queue(), []
    handler = functools.partial(Site, reports=reports, missing=missing)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}/crawl"
        with open(console, "wb") as stderr:
            browser = subprocess.Popen(
                [*start, "--remote-debugging-port=0", address], stderr=stderr
            )
            try:
                report = json.loads(reports.get(timeout=300))
            finally:
                browser.terminate()
                browser.wait()
                server.shutdown()
    lines = console.read_text(encoding="utf-8", errors="replace").splitlines()
    return report, missing, [line for line in lines if "CONSOLE" in line]


def test_every_link_leads_somewhere(crawled):
    report, missing, _ = crawled
    assert (report["broken"], missing) == ([], [])
    assert report["links"] > len(report["pages"])


def test_every_page_can_be_reached(crawled, pages):
    assert set(pages) - set(crawled[0]["pages"]) <= UNLINKED


def test_no_page_complains(crawled):
    assert not crawled[2]


def test_the_search_finds_a_class(crawled):
    assert "CrossmodalAttention" in " ".join(crawled[0]["found"])


class Loaded(html.parser.HTMLParser):
    """The addresses of what a page loads by itself."""

    def __init__(self, text):
        super().__init__()
        self.addresses = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "link" and attributes.get("rel") not in ("canonical", "index", "search"):
            self.addresses.append(attributes["href"])
        self.addresses += filter(None, (attributes.get("src"), attributes.get("srcset")))


def test_pages_load_nothing_from_elsewhere(pages):
    for page, text in pages.items():
        away = [a for a in Loaded(text).addresses if re.match(r"(https?:)?//", a)]
        assert not away, page
    for sheet in SITE.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", sheet.read_text()), sheet


def test_the_reference_has_every_public_name(pages):
    anchors = set()
    for page, text in pages.items():
        if page.startswith("/api/"):
            anchors |= set(re.findall(r'id="(kerasfuse[\w.]+)"', text))
    packages = [m.name for m in pkgutil.walk_packages(kerasfuse.__path__, "kerasfuse.") if m.ispkg]
    named = 0
    # The command line has a guide, and no function that anyone would call.
    called = sorted(name for name in packages if not name.startswith("kerasfuse.cli"))
    for package in map(importlib.import_module, called):
        for name in getattr(package, "__all__", ()):
            whole = f"{package.__name__}.{name}"
            assert whole in anchors or whole in packages, f"{whole} is not in the API reference"
            named += 1
    assert named > 100
