"""Stands for a model server: it keeps what it has computed for the chats that it served last, and a prompt
that begins with such a prefix costs only the rest. Its tokens stream. All that it does for ringpost is to go on
with an answer that another copy of it has begun."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

CAPACITY = 6  # chats in memory
SECONDS_PER_TOKEN = 0.0001  # of a prompt
SECONDS_PER_STREAMED_TOKEN = 0.05  # of an answer
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")

prefixes = []  # token lists; the one that was not used for longest is first
lock = Lock()


def complete(messages, max_tokens):
    """Returns the tokens of the answer, the number of tokens of the prompt, and how many of them were in memory.
    The same prompt always has the same answer."""
    prompt = " ".join(message["content"] for message in messages).split()
    with lock:
        known = [prefix for prefix in prefixes if prompt[: len(prefix)] == prefix]
        longest = max(known, key=len, default=[])
        if longest:
            prefixes.remove(longest)
        time.sleep((len(prompt) - len(longest)) * SECONDS_PER_TOKEN)
        answer = ["I", "read", str(len(prompt)), "words."]
        answer = (answer + [str(number) for number in range(1, max_tokens)])[:max_tokens]
        prefixes.append(prompt + answer)
        del prefixes[:-CAPACITY]
    return answer, len(prompt), len(longest)


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/":
            with open(PAGE, "rb") as page:
                self.answer("text/html; charset=utf-8", page.read())
        else:
            self.answer_json({"status": "ok", "pid": os.getpid()})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        tokens, prompt, cached = complete(asked["messages"], asked.get("max_tokens", 4))
        if asked.get("stream"):
            self.stream(tokens)
            return
        message = {"role": "assistant", "content": " ".join(tokens)}
        usage = {"prompt_tokens": prompt, "prompt_tokens_details": {"cached_tokens": cached}}
        self.answer_json({"choices": [{"message": message}], "usage": usage})

    def stream(self, tokens):
        """Sends each token as an event with its number as the id."""
        # A copy of this server that died has sent the events up to this one.
        begun = self.headers["Last-Event-ID"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        if begun is not None:
            self.send_header("Ringpost-Resumed-From", begun)
        self.end_headers()
        for number, token in list(enumerate(tokens, start=1))[int(begun or 0) :]:
            time.sleep(SECONDS_PER_STREAMED_TOKEN)
            delta = {"content": token if number == 1 else " " + token}
            self.send_chunk(f"id: {number}\ndata: {json.dumps({'choices': [{'delta': delta}]})}\n\n")
        self.send_chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def send_chunk(self, text):
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())

    def answer_json(self, value):
        self.answer("application/json", json.dumps(value).encode())

    def answer(self, content_type, body):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Requests are not logged."""


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Server).serve_forever()
