"""A real HTTP server on 127.0.0.1 that keeps one file as huggingface.co does, with every fault that a test asks for."""

import contextlib
import re
import ssl
import threading
import time
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

from lib_hypersd.recipes.catalog import published

SELF_SIGNED = Path(__file__).with_name("self-signed.pem")  # a key and a certificate for 127.0.0.1, of nobody
CONTENT = Random(0).randbytes(200_000)
OTHER = Random(1).randbytes(len(CONTENT))


def recipe(recipe_id="hyper-sd15-8steps", content=CONTENT):
    """A published recipe whose file has this content."""
    real = next(r for r in published().recipes if r.id == recipe_id)
    return replace(real, bytes=len(content), sha256=sha256(content).hexdigest())


@dataclass
class Answer:
    """How one request is answered; by default rightly.

    ``cut``: the connection ends after that many bytes of the body. ``drip``: a byte at a time, seconds between them.
    ``stall``: nothing more comes for so many seconds, before the headers or after ``cut`` bytes.
    """

    status: int = 200
    content: bytes = CONTENT
    etag: str | None = '"one"'
    cut: int | None = None
    stall: float = 0
    drip: float = 0
    length: int | None = None
    chunked: bool = False
    ignores_range: bool = False
    range_off: int = 0
    headers: dict = field(default_factory=dict)


@dataclass
class Request:
    path: str
    range: str | None
    headers: dict


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server.hub
        server.requests.append(Request(self.path, self.headers.get("Range"), dict(self.headers)))
        answer = server.answers.pop(0) if server.answers else server.otherwise
        with contextlib.suppress(OSError):
            self.reply(answer)
        self.close_connection = True

    def end_headers(self):
        self.send_header("Connection", "close")
        super().end_headers()

    def reply(self, answer):
        if answer.stall and answer.cut is None:
            return self.sleep(answer.stall)
        if answer.status not in (200, 206):
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "5")
            self.end_headers()
            return self.wfile.write(b"fault")

        content, first = answer.content, 0
        requested = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if requested and not answer.ignores_range and self.headers.get("If-Range") in (None, answer.etag):
            first = int(requested[1])
            if first >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            first += answer.range_off
        body = content[first:]
        self.send_response(206 if requested and first else 200)
        if requested and first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if answer.etag:
            self.send_header("ETag", answer.etag)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body) if answer.length is None else answer.length))
        self.end_headers()
        if answer.cut is not None:
            body = body[: answer.cut]
        if answer.drip:
            for i in range(len(body)):
                self.wfile.write(body[i : i + 1])
                self.sleep(answer.drip)
        elif answer.chunked:
            self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n" + (b"" if answer.cut else b"0\r\n\r\n"))
        else:
            self.wfile.write(body)
        self.wfile.flush()
        self.sleep(answer.stall)

    def sleep(self, seconds):
        """Wait, but not past the end of the test."""
        self.server.hub.over.wait(seconds)


class Hub:
    """The server: ``answers`` in order, then ``otherwise``; ``requests`` are those that came.

    ``secure``: it speaks TLS, with a certificate that it has signed itself.
    """

    def __init__(self, *answers, otherwise=None, secure=False):
        self.answers, self.otherwise, self.requests = list(answers), otherwise or Answer(), []
        self.over = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.hub, self.http.daemon_threads = self, True
        self.scheme = "https" if secure else "http"
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(SELF_SIGNED)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)

    @property
    def address(self):
        return f"{self.scheme}://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
