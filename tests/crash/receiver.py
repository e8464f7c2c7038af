"""A web server that keeps what it is sent; what it answers is for the test to say."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OK = 200


class Receiver(ThreadingHTTPServer):
    """`answers` are taken one by one, by path, and then OK: a status, or a function of the handler."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got = []
        self.answers = {}
        self.lock = threading.Lock()

    def address(self, path="/hook"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def at(self, path="/hook"):
        """What was sent there: headers and body, in order."""
        with self.lock:
            return [(headers, body) for where, headers, body in self.got if where == path]

    def told(self, path="/hook"):
        """What that said."""
        return [json.loads(body) for _, body in self.at(path)]

    def ids(self, path="/hook"):
        return [headers["webhook-id"] for headers, _ in self.at(path)]

    def handle_error(self, request, client_address):
        """Who is killed leaves connections; that is no noise of a test."""


@contextmanager
def receiving():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.lock:
            self.server.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            waiting = self.server.answers.get(self.path, [])
            answer = waiting.pop(0) if waiting else OK
        if callable(answer):
            return answer(self)
        self.send_response(answer)
        if 300 <= answer < 400:
            self.send_header("location", self.server.address("/elsewhere"))
        self.end_headers()
        return None

    def log_message(self, *_):
        pass


def breaks_off(handler):
    """Half an answer."""
    handler.wfile.write(b"HTTP/1.1 20")
    handler.wfile.flush()
    handler.connection.shutdown(1)
