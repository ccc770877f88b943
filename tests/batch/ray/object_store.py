"""An object store for tests: the requests of S3 that pyarrow sends, answered from memory.

It knows one access key, and answers 403 to requests that are not signed with the key's name.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS_KEY, SECRET = "the-name-of-a-key", "its-secret"
MOMENT = "2026-11-26T00:00:00.000Z"


class Handler(BaseHTTPRequestHandler):
    """One request; the objects of all buckets are in `server.objects`, by bucket/key."""

    protocol_version = "HTTP/1.1"
    server: Any

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_HEAD(self) -> None:
        self._serve(self._get)

    def do_GET(self) -> None:
        self._serve(self._list if "list-type=2" in self.path else self._get)

    def do_PUT(self) -> None:
        self._serve(self._put)

    def do_POST(self) -> None:
        self._serve(self._post)

    def do_DELETE(self) -> None:
        self._serve(lambda name, query, body: (204, {}, self.server.objects.pop(name, b"") and b""))

    def _serve(self, call: Any) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        name, query = unquote(parts.path).strip("/"), parse_qs(parts.query, keep_blank_values=True)
        name += "/" if parts.path.endswith("/") and "/" in name else ""
        signed = f"Credential={ACCESS_KEY}/" in self.headers.get("authorization", "")
        with self.server.lock:
            status, headers, content = call(name, query, body) if signed else (403, {}, b"")
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", headers.pop("content-length", str(len(content))))
        for header, value in headers.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(content)

    def _get(self, name: str, query: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if name not in self.server.objects:
            found = "/" not in name and any(key.startswith(f"{name}/") for key in self.server.objects)
            return (200 if found else 404), {}, b""
        content, status, headers = self.server.objects[name], 200, {"etag": '"x"'}
        headers["last-modified"] = "Thu, 26 Nov 2026 00:00:00 GMT"
        if asked := re.match(r"bytes=(\d+)-(\d*)", self.headers.get("range", "")):
            status, first, last = 206, int(asked[1]), int(asked[2] or len(content) - 1)
            headers["content-range"] = f"bytes {first}-{min(last, len(content) - 1)}/{len(content)}"
            content = content[first : last + 1]
        return status, {**headers, "content-length": str(len(content))}, content

    def _list(self, bucket: str, query: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        prefix, delimiter = (query.get(key, [""])[0] for key in ("prefix", "delimiter"))
        keys = sorted(name[len(bucket) + 1 :] for name in self.server.objects if name.startswith(f"{bucket}/{prefix}"))
        folders = {prefix + key[len(prefix) :].split("/")[0] + "/" for key in keys if "/" in key[len(prefix) :]}
        keys = [key for key in keys if not delimiter or "/" not in key[len(prefix) :]]
        limit = int(query.get("max-keys", ["1000"])[0])
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{MOMENT}</LastModified>"
            f"<Size>{len(self.server.objects[f'{bucket}/{key}'])}</Size></Contents>"
            for key in keys[:limit]
        )
        if delimiter:
            found += "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders)
        count = f"<KeyCount>{len(keys[:limit]) + len(folders) * bool(delimiter)}</KeyCount>"
        return _xml("ListBucketResult", f"{count}<IsTruncated>false</IsTruncated>{found}")

    def _put(self, name: str, query: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if copied := self.headers.get("x-amz-copy-source"):
            self.server.objects[name] = self.server.objects[unquote(copied).strip("/")]
            return _xml("CopyObjectResult", f'<ETag>"x"</ETag><LastModified>{MOMENT}</LastModified>')
        if "uploadId" in query:
            self.server.uploads.setdefault(name, {})[int(query["partNumber"][0])] = body
        else:
            self.server.objects[name] = body
        return 200, {"etag": '"x"'}, b""

    def _post(self, name: str, query: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        bucket, _, key = name.partition("/")
        if "delete" in query:
            for found in re.findall(rb"<Key>(.*?)</Key>", body):
                self.server.objects.pop(f"{bucket}/{found.decode()}", None)
            return _xml("DeleteResult", "")
        if "uploads" in query:
            self.server.uploads[name] = {}
            return _xml("InitiateMultipartUploadResult", f"<Key>{escape(key)}</Key><UploadId>1</UploadId>")
        uploaded = self.server.uploads.pop(name)
        self.server.objects[name] = b"".join(uploaded[number] for number in sorted(uploaded))
        return _xml("CompleteMultipartUploadResult", f'<Key>{escape(key)}</Key><ETag>"x"</ETag>')


def _xml(kind: str, content: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {"content-type": "application/xml"}, f'<?xml version="1.0"?><{kind}>{content}</{kind}>'.encode()


@contextmanager
def object_store() -> Iterator[tuple[dict[str, bytes], dict[str, str]]]:
    """Serve objects, by bucket/key; yield them, and the environment variables by which a client finds them."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.objects, server.uploads, server.lock = {}, {}, threading.Lock()
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",  # so that bodies are sent as they are
    }
    try:
        yield server.objects, environment
    finally:
        server.shutdown()
        server.server_close()
