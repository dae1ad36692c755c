"""A web server on this machine that behaves as badly as a test wants it to."""

import contextlib
import http.server
import threading


class Server:
    """Serve files from memory.

    Args:
        files: dict of path to bytes.
        behaviour: dict of path to a function of the request handler and the bytes, which answers
            in its own way.
        asked: list of the paths that were asked for.
    """

    def __init__(self):
        self.files = {}
        self.behaviour = {}
        self.asked = []
        self.url = None

    @contextlib.contextmanager
    def running(self):
        handler = type("Handler", (_Handler,), {"server_of_test": self})
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server_of_test
        server.asked.append(self.path)
        content = server.files.get(self.path)
        if self.path in server.behaviour:
            server.behaviour[self.path](self, content)
        elif content is None:
            self.send_error(404)
        else:
            answer(self, content)

    def log_message(self, *arguments):
        pass


def answer(handler, content, length=None):
    """Send a file, of which the header may tell another length."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def breaking_off(handler, content):
    """Send half of a file, and hang up."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


def redirect_to(url):
    """Return a behaviour that sends whoever asks elsewhere."""

    def redirect(handler, content):
        handler.send_response(302)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return redirect


def refuse(code):
    """Return a behaviour that answers with an error code."""
    return lambda handler, content: handler.send_error(code)
