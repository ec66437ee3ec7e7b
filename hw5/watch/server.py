"""The server of the page: on this machine's loopback address only, for those who know the token in its address.

It answers GET, and nothing else, of two paths: the page, and the events that it follows (server-sent events). A request
whose Host is not the address itself is refused, so that no other site can reach it through a name of its own. Every
browser has a thread, which gets what it has not yet seen; a slow one misses pictures, and holds up nobody.
"""

import json
import secrets
import threading
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files

from hw5.export.page_parts import filled

_MOST_EPOCHS = 4000  # that a browser which comes late gets; of more, every second one is left out
_BEAT = 10.0  # seconds without an event, after which a comment shows whether a browser is still there
_FAREWELL = 1.0  # seconds for browsers to get the end
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Feed:
    """The events of a training: the latest of each name, and all of those that are appended."""

    def __init__(self):
        self._changed = threading.Condition()
        self._latest, self._all, self._number, self.ended = {}, [], 0, False

    def publish(self, name, content, ends=False):
        """Replace the latest event of this name."""
        with self._changed:
            self._number += 1
            self._latest[name] = self._number, _event(name, content)
            self.ended = self.ended or ends
            self._changed.notify_all()

    def append(self, name, content):
        """Add an event to those that everybody gets."""
        with self._changed:
            self._number += 1
            self._all.append((self._number, _event(name, content)))
            if len(self._all) > _MOST_EPOCHS:
                del self._all[1::2]
            self._changed.notify_all()

    def after(self, number, timeout):
        """The events after this number as bytes, the number of the last, and whether it is the end; waits for them."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number, timeout)
            events = sorted(each for each in (*self._latest.values(), *self._all) if each[0] > number)
            return b"".join(text for _, text in events), self._number, self.ended


def _event(name, content):
    return f"event: {name}\ndata: {json.dumps(content, allow_nan=False)}\n\n".encode()


@cache
def _page():
    page = files("hw5.watch") / "page"
    css = (files("hw5.export") / "page" / "page.css").read_text("utf-8") + (page / "watch.css").read_text("utf-8")
    return filled((page / "watch.html").read_text("utf-8"), css=css, js=(page / "watch.js").read_text("utf-8"))


class _Handler(BaseHTTPRequestHandler):
    """Answers a request; self.server is a Server."""

    timeout = 30  # seconds that a browser may take to read or write
    server_version, sys_version = "hw5", ""

    def do_GET(self):
        if self.headers.get("Host") not in self.server.hosts:
            return self.send_error(403)
        answers = {f"/{self.server.token}/": self._send_page, f"/{self.server.token}/events": self._send_events}
        answer = next(
            (each for path, each in answers.items() if secrets.compare_digest(path.encode(), self._path)), None
        )
        return answer() if answer else self.send_error(404)

    @property
    def _path(self):
        return self.path.encode(errors="replace")

    def _begin(self, kind):
        self.send_response(200)
        headers = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_page(self):
        self._begin("text/html; charset=utf-8")
        self.wfile.write(_page().encode())

    def _send_events(self):
        self._begin("text/event-stream")
        with self.server.listening():
            number, ended = 0, False
            while not ended:
                events, number, ended = self.server.feed.after(number, _BEAT)
                self.wfile.write(events or b": still here\n\n")

    def log_message(self, *_):
        """Nothing: the terminal is the training's."""


class Server(ThreadingHTTPServer):
    """Serves a Feed on a free port, from the start; address is what to open. Raises OSError and RuntimeError."""

    daemon_threads, block_on_close, request_queue_size = True, False, 16

    def __init__(self, feed):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.feed, self.token = feed, secrets.token_urlsafe(16)
        self.hosts = {f"{host}:{self.server_port}" for host in ("127.0.0.1", "localhost")}
        self.address = f"http://127.0.0.1:{self.server_port}/{self.token}/"
        self._listeners, self._left = 0, threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    @contextmanager
    def listening(self):
        """Count a browser that follows, during the block."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change):
        with self._left:
            self._listeners += change
            self._left.notify_all()

    def close(self, text):
        """Tell the browsers that this is the end, and stop."""
        self.feed.publish("end", {"text": text}, ends=True)
        with self._left:
            self._left.wait_for(lambda: not self._listeners, _FAREWELL)
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        """Nothing: a browser that is closed in the middle of an answer is no error of the training."""
