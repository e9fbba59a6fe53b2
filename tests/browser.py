"""A headless Chromium for tests, driven by the DevTools protocol over two pipes.

https://chromedevtools.github.io/devtools-protocol/ : messages are JSON objects, each ended by a
zero byte; the browser reads them from its file descriptor 3 and writes to 4. Needs no driver, no
port, and no package.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "no Chromium: run `apt-get install -y chromium`"

_FIRST_FREE_FD = 20
_EXEC = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
)


def find_chromium() -> str | None:
    """The path of a Chromium on this machine, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One tab. Collects everything that the page complains of, and what it requests."""

    def __init__(self, send_fd: int, receive_fd: int, timeout_s: float = 20.0) -> None:
        self._send_fd, self._receive_fd, self._timeout_s = send_fd, receive_fd, timeout_s
        self._buffer = b""
        self._last_id = 0
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._send_fd, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + self._timeout_s
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receive_fd], [], [], deadline - time.monotonic())
            assert ready, "the browser does not answer"
            data = os.read(self._receive_fd, 1 << 20)
            assert data, "the browser has ended"
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, of: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.errors.append(str(of["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and of["type"] in {"error", "warning"}:
            self.errors.append(str(of["args"]))
        elif event == "Log.entryAdded" and of["entry"]["level"] in {"error", "warning"}:
            self.errors.append(of["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(of["request"]["url"])
        elif event == "Page.loadEventFired":
            self._loaded = True

    def open(self, url: str) -> None:
        """Go to `url` and wait until it has loaded."""
        self._loaded = False
        self.command("Page.navigate", url=url)
        while not self._loaded:
            self._receive()

    def look(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Set the window's size and the reader's preferred colours."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", media="", features=[scheme])

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.command("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Keep a picture of the page."""
        taken = self.command("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def pdf(self) -> bytes:
        """The page as it would be printed."""
        return base64.b64decode(self.command("Page.printToPDF", printBackground=True)["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, ended on the way out."""
    path = find_chromium()
    assert path, MISSING
    inner_read, outer_write = os.pipe()
    outer_read, inner_write = os.pipe()
    high = [_high(inner_read), _high(inner_write)]
    with tempfile.TemporaryDirectory(prefix="waybill-browser-") as profile:
        flags = [*_FLAGS, f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        command = [sys.executable, "-c", _EXEC, *map(str, high), path, *flags]
        process = subprocess.Popen(command, pass_fds=high, stderr=subprocess.DEVNULL)
        for fd in high:
            os.close(fd)
        try:
            started = Browser(outer_write, outer_read)
            yield started
            started._session = None
            started.command("Browser.close")
        finally:
            _end(process)
            os.close(outer_write)
            os.close(outer_read)


def _high(fd: int) -> int:
    """The same under a number that is neither 3 nor 4."""
    number = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
    os.close(fd)
    return number


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
