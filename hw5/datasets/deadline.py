"""HTTP responses with a limit on their whole time. That of urllib begins anew with every byte, so it may never end."""

import http.client
import socket
import threading
import urllib.request
from contextlib import suppress
from functools import partial


class Deadline:
    """Opens URLs, and shuts their connections down when the time is over, whether they wait or receive."""

    def __init__(self, seconds: float):
        self.is_over = False
        self._connections: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self):
        with suppress(RuntimeError):  # no thread can start: the time of each byte is limited, but not the whole
            self._timer.start()
        return self

    def __exit__(self, *_):
        self._timer.cancel()
        for connection in self._connections:
            connection.close()

    def open(self, request: urllib.request.Request, timeout: float) -> http.client.HTTPResponse:
        """As urllib.request.urlopen, but without FTP.

        FTP's connections are others, and a mirror may redirect to it.
        """
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            _Http(self._connection),
            _Https(self._connection),
            urllib.request.FileHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.UnknownHandler(),
        ):
            opener.add_handler(handler)
        return opener.open(request, timeout=timeout)

    def _connection(self, kind, *arguments, **options):
        connection = kind(*arguments, **options)
        connection._create_connection = self._connect
        return connection

    def _connect(self, *arguments, **options):
        connected = socket.create_connection(*arguments, **options)
        self._connections.append(connected.dup())  # encryption takes the socket itself away
        if self.is_over:
            self._shut_down()
        return connected

    def _shut_down(self):
        self.is_over = True
        for connection in self._connections:
            with suppress(OSError):  # already closed by the server
                connection.shutdown(socket.SHUT_RDWR)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, connection):
        super().__init__()
        self._connection = partial(connection, http.client.HTTPConnection)

    def http_open(self, request):
        return self.do_open(self._connection, request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, connection):
        super().__init__()
        self._connection = partial(connection, http.client.HTTPSConnection)

    def https_open(self, request):
        return self.do_open(self._connection, request, context=self._context)
