"""Stands for a model server: it keeps what it has computed for the chats that it served last, and a prompt
that begins with such a prefix costs only the rest. It knows nothing of ringpost."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

CAPACITY = 6  # chats in memory
SECONDS_PER_TOKEN = 0.0001

prefixes = []  # token lists; the one that was not used for longest is first
lock = Lock()


def complete(messages):
    """Returns the answer, the number of tokens of the prompt, and how many of them were in memory."""
    prompt = " ".join(message["content"] for message in messages).split()
    with lock:
        known = [prefix for prefix in prefixes if prompt[: len(prefix)] == prefix]
        longest = max(known, key=len, default=[])
        if longest:
            prefixes.remove(longest)
        time.sleep((len(prompt) - len(longest)) * SECONDS_PER_TOKEN)
        answer = f"I read {len(prompt)} words."
        prefixes.append(prompt + answer.split())
        del prefixes[:-CAPACITY]
    return answer, len(prompt), len(longest)


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer({"status": "ok"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer, tokens, cached = complete(body["messages"])
        usage = {"prompt_tokens": tokens, "prompt_tokens_details": {"cached_tokens": cached}}
        self.answer({"choices": [{"message": {"role": "assistant", "content": answer}}], "usage": usage})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Requests are not logged."""


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Server).serve_forever()
