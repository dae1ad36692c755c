"""A deadline for a whole conversation with a server, however its bytes drip."""

import http.client
import socket
import threading
import time
import urllib.request

_EVERY = 0.1


class Watch:
    """Hang up on a server that is slower than so many bytes a second.

    A limit on the time without a byte, as sockets have, does not end a conversation in which a
    byte comes now and then, in the headers as in the body. This one does: after `grace` seconds
    and one for every `slowest` bytes of the body it shuts the connection down.

    Args:
        grace: seconds.
        slowest: bytes a second.

    Attributes:
        received: bytes of the body, which the reader counts.
        told: what happened, in words, once it hung up.
    """

    def __init__(self, grace, slowest):
        self.received = 0
        self.told = ""
        self._grace, self._slowest = grace, slowest
        self._sockets = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._begun = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._ended.set()
        self._thread.join()

    def over(self, connection):
        """Watch over one more connection, of a redirect for instance."""
        self._sockets.append(connection.sock)

    def _look(self):
        while not self._ended.wait(_EVERY):
            seconds = time.monotonic() - self._begun
            if seconds > self._grace + self.received / self._slowest:
                self.told = f"it was slower than {self._slowest} bytes a second"
                for each in self._sockets:
                    try:
                        each.shutdown(socket.SHUT_RDWR)
                    except OSError:  # closed already
                        pass


def handlers(watch):
    """Return the handlers of `urllib` for http and https whose connections are watched."""

    class Connection(http.client.HTTPConnection):
        def connect(self):
            super().connect()
            watch.over(self)

    class SecureConnection(http.client.HTTPSConnection):
        def connect(self):
            super().connect()
            watch.over(self)

    class Handler(urllib.request.HTTPHandler):
        def http_open(self, request):
            return self.do_open(Connection, request)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, request):
            return self.do_open(SecureConnection, request, context=self._context)

    return Handler(), SecureHandler()
