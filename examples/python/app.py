"""Counts visits by tenant, in memory. It needs Python's standard library only, and nothing of ringpost."""

import json
import os
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

visits = Counter()
lock = Lock()


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, {"status": "ok"})
            return
        tenant = self.path.removeprefix("/visits/")
        with lock:
            visits[tenant] += 1
            count = visits[tenant]
        self.answer(200, {"tenant": tenant, "visits": count, "replica": os.environ.get("REPLICA")})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Requests are not logged."""


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), App).serve_forever()
