"""A receiver of webhooks, as a client has one: `python -m tests.asynchronous.callbacks.receiver PORT FILE SECRET`.

It verifies and appends each to FILE, and follows the path: /ok, /slow (10 minutes), /fail (500), /flaky (500 at first).
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook


def serve(port: int, file: Path, secret: str) -> None:
    seen: set[str] = set()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            message = Webhook(secret).verify(body, dict(self.headers))
            name = self.headers["webhook-id"]
            first = name not in seen
            seen.add(name)
            with file.open("a") as log:
                log.write(json.dumps({"path": self.path, "id": name, "host": self.headers["host"], **message}) + "\n")
            if self.path == "/slow":
                time.sleep(600)
            self.send_response(500 if self.path == "/fail" or (self.path == "/flaky" and first) else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
