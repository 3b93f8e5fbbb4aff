"""A headless Chromium, driven through its DevTools protocol with nothing but Python.

The browser listens on a port of this machine only; the protocol is JSON over one
WebSocket (RFC 6455), whose frames are made and read here."""
import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find():
    """Path of a browser, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class WebSocket:
    def __init__(self, url, timeout):
        host, path = url.removeprefix("ws://").split("/", 1)
        name, port = host.split(":")
        self.socket = socket.create_connection((name, int(port)), timeout)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        status = self.file.readline()
        assert b" 101 " in status, status
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = len(data)
        head = bytes([0x81]) + (bytes([0x80 | size]) if size < 126 else
                                b"\xfe" + size.to_bytes(2, "big") if size < 65536 else b"\xff" + size.to_bytes(8, "big"))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def frame(self):
        """final, kind, data"""
        first, size = self.file.read(2)
        size &= 0x7F
        if size > 125:
            size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
        return first & 0x80, first & 0x0F, self.file.read(size)

    def receive(self):
        data = b""
        while True:
            final, kind, part = self.frame()
            assert kind != 8, "the browser closed the connection"
            if kind in (0, 1):
                data += part
                if final:
                    return data.decode()


class Browser:
    """With one tab; `events` holds everything the tab reported."""

    def __init__(self, path, profile, timeout=120):
        shutil.rmtree(profile, ignore_errors=True)
        os.makedirs(profile)
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [path, "--headless", *root, "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
             "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.events, self.number = [], 0
        try:
            port = self.wait_for_port(os.path.join(profile, "DevToolsActivePort"), timeout)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=timeout) as r:
                tab = next(t for t in json.load(r) if t["type"] == "page")
            self.web = WebSocket(tab["webSocketDebuggerUrl"], timeout)
        except BaseException:
            self.close()
            raise
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def wait_for_port(self, path, timeout):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the browser ended with {self.process.returncode}"
            if os.path.exists(path) and os.path.getsize(path):
                with open(path) as f:
                    return int(f.readline())
            time.sleep(0.05)
        raise TimeoutError("the browser opened no port")

    def take(self):
        message = json.loads(self.web.receive())
        if "method" in message:
            self.events.append(message)
        return message

    def call(self, method, **parameters):
        self.number += 1
        self.web.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = self.take()
            if message.get("id") == self.number:
                assert "error" not in message, (method, message["error"])
                return message["result"]

    def open(self, url):
        """Goes there and waits until it has loaded; `events` begins anew."""
        self.events = []
        self.call("Page.navigate", url=url)
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.take()

    def size(self, width, height=800, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def media(self, kind="", **features):
        self.call("Emulation.setEmulatedMedia", media=kind,
                  features=[{"name": k.replace("_", "-"), "value": v} for k, v in features.items()])

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, (expression, result["exceptionDetails"])
        return result["result"].get("value")

    def screenshot(self, path):
        """The whole page, not only what a window shows of it."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def complaints(self):
        """What the page wrote to the console or threw, and what the browser had to say of it."""
        found = []
        for e in self.events:
            p = e["params"]
            if e["method"] == "Runtime.consoleAPICalled":
                found.append(("console." + p["type"], [a.get("value") for a in p["args"]]))
            elif e["method"] == "Runtime.exceptionThrown":
                found.append(("exception", p["exceptionDetails"]["text"]))
            elif e["method"] == "Log.entryAdded":
                found.append(("log", p["entry"]["level"], p["entry"]["text"]))
        return found

    def requests(self):
        return [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
