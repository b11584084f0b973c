"""A stub of Google Cloud Storage: the four verbs of its XML API that kapture sends, with generations and
`x-goog-if-generation-match`. It knows no signatures. It is no proof that kapture works with Google."""

import hashlib
import http.server
import itertools
import threading
import urllib.parse
from xml.sax.saxutils import escape

OBJECTS = {}
LOCK = threading.Lock()
# Google's generations are never small, and never used again.
GENERATIONS = itertools.count(1_714_644_000_000_000)
WRITTEN = "Thu, 02 May 2024 10:00:00 GMT"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stamp(self, key):
        content, generation = OBJECTS[key]
        etag = hashlib.md5(content).hexdigest()
        return [("ETag", f'"{etag}"'), ("x-goog-generation", str(generation)), ("Last-Modified", WRITTEN)]

    def key(self):
        path, _, query = self.path.partition("?")
        bucket, _, key = path.lstrip("/").partition("/")
        return bucket, urllib.parse.unquote(key), dict(urllib.parse.parse_qsl(query))

    def do_PUT(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        _, key, _ = self.key()
        with LOCK:
            generation = OBJECTS[key][1] if key in OBJECTS else 0
            asked = self.headers.get("x-goog-if-generation-match")
            if asked is not None and int(asked) != generation:
                return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            OBJECTS[key] = (content, next(GENERATIONS))
            self.answer(200, headers=self.stamp(key))

    def do_DELETE(self):
        _, key, _ = self.key()
        with LOCK:
            found = OBJECTS.pop(key, None)
        self.answer(204 if found else 404)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        bucket, key, query = self.key()
        with LOCK:
            if bucket != "crm":
                self.answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            elif not key:
                self.answer(200, self.listed(query.get("prefix", "")).encode())
            elif key in OBJECTS:
                self.answer(200, OBJECTS[key][0], self.stamp(key))
            else:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def listed(self, prefix):
        entries = ""
        for key in sorted(key for key in OBJECTS if key.startswith(prefix)):
            content, _ = OBJECTS[key]
            etag = hashlib.md5(content).hexdigest()
            entries += (
                f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
                f"<LastModified>2024-05-02T10:00:00.000Z</LastModified><ETag>{etag}</ETag></Contents>"
            )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"


def serve():
    """Starts the stub; returns its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
