"""A web server on this machine that answers well, badly, slowly or not at all."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mirror:
    """Serves `files`, {path: bytes}, and misbehaves under the names of `Handler`.

    asked : the paths that were asked for, in order
    flooded : MiB that were sent without an end
    """

    def __init__(self):
        self.files = {}
        self.asked = []
        self.flooded = 0
        self.closing = threading.Event()
        handler = type("Handler", (Handler,), {"mirror": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = False
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    mirror: Mirror

    def do_GET(self):
        self.mirror.asked.append(self.path)
        kind = self.path.split("/")[1]
        content = self.mirror.files.get(self.path.removeprefix(f"/{kind}"), b"")
        match kind:
            case "missing":
                self.send_error(404)
                return
            case "page":
                content = b"\n<html>It moved.</html>"
            case "damaged":
                content = bytes([content[0] ^ 1]) + content[1:]
            case "moved":
                self.send_response(302)
                self.send_header("Location", self.path.replace("moved", "good"))
                self.end_headers()
                return
            case "silent":
                self.mirror.closing.wait(10)
                return
            case "endless":
                self.send_response(200)
                self.end_headers()
                self.flood()
                return
            case "nonsense":
                self.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
                return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:-5] if kind == "short" else content)

    def flood(self):
        """Send 64 MiB, or what the other side takes."""
        with contextlib.suppress(OSError):
            for _ in range(64):
                self.wfile.write(bytes(2**20))
                self.mirror.flooded += 1

    def log_message(self, *_):
        pass
