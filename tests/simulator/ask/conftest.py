"""A server of chat completions that misbehaves as it is told."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

PROPOSED = "1. Is fnw better than es-dfm?\n2. Is it 3 times as good?\n- What is the weather?"


class Stub(BaseHTTPRequestHandler):
    """Speaks the protocol as ``mode`` says; ``words`` makes a reply of what the server was told."""

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.told.append(told)
        mode = self.server.mode
        if mode == "stall":
            time.sleep(1.5)
        last = told["messages"][-1]["content"]
        words = mode(last.split("Answer: ")[-1]) if callable(mode) else last
        words = PROPOSED if last.startswith("Propose") else words
        body = json.dumps({"choices": [{"message": {"role": "assistant", "content": words}}]}).encode()
        if mode == "flood":
            body = json.dumps({"choices": [{"message": {"content": "x" * 400_000}}]}).encode()
        if mode == "nonsense":
            body = b"<html>" if len(self.server.told) % 2 else b'{"choices": []}'
        self.send_response(302 if mode == "redirect" else 500 if mode == "fail" else 200)
        if mode == "redirect":
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", str(len(body) + (50 if mode == "cut" else 0)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            for byte in body if mode == "trickle" else b"":
                self.wfile.write(bytes([byte]))
                time.sleep(0.1)
            self.wfile.write(body[: len(body) // 2] if mode == "cut" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    made.told, made.mode = [], None
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
