"""A slow and failing way to a store on this machine: it forwards each request as it is, the signed headers
included, and answers some itself."""

import http.client
import http.server
import itertools
import threading
import time

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Proxy:
    def __init__(self, port):
        self.target = port
        # Seconds before each answer.
        self.delay = 0
        # Every so many requests are answered with 503.
        self.fails_each = 0
        # How many writes are allowed; None is all of them.
        self.writes = None
        self.count = itertools.count(1)
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def forward(self):
                proxy.forward(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{server.server_port}"

    def forward(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        time.sleep(self.delay)
        status, headers, content = self.own_answer(request.command) or self.answer(request, body)
        request.send_response(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                request.send_header(name, value)
        length = dict(headers).get("Content-Length") if request.command == "HEAD" else len(content)
        request.send_header("Content-Length", str(length or 0))
        request.end_headers()
        request.wfile.write(content)

    def own_answer(self, command):
        if self.fails_each and next(self.count) % self.fails_each == 0:
            return 503, [], BUSY
        if self.writes is not None and command in ("PUT", "POST"):
            self.writes -= 1
            if self.writes < 0:
                return 403, [], DENIED
        return None

    def answer(self, request, body):
        store = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        store.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            store.putheader(name, value)
        store.endheaders(body)
        answer = store.getresponse()
        content = answer.read()
        store.close()
        return answer.status, answer.getheaders(), content
