"""What a process sees from inside of the image, as JSON: `make image-check` runs it there."""

import json
import os
import shutil
from pathlib import Path

NOT_NEEDED = ("pip", "gcc", "cc", "make", "git", "curl")
"""Programs that an image has no use for. The base image's own `pip` is not on this path."""
PLACES = "/opt/waybill/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MADE_BY_THE_ENGINE = ("/proc", "/dev", "/sys")
SECRETIVE = (".db", ".pem", "keys.json")

status = dict(
    line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines()
)
app = [path for path in Path("/app").rglob("*") if path.is_file()]
folders = [place for place, _, _ in os.walk("/") if not place.startswith(MADE_BY_THE_ENGINE)]
facts = {
    "user": os.getuid(),
    "capabilities": int(status["CapBnd"], 16) | int(status["CapEff"], 16),
    "no_new_privileges": int(status["NoNewPrivs"]),
    "seccomp": int(status["Seccomp"]),
    "writable": [place for place in folders if os.access(place, os.W_OK)],
    "not_needed": [name for name in NOT_NEEDED if shutil.which(name, path=PLACES)],
    "secretive": [str(path) for path in app if path.name.endswith(SECRETIVE)],
    "not_compiled": [
        str(path)
        for path in app
        if path.suffix == ".py" and not any(path.parent.glob(f"__pycache__/{path.stem}.*.pyc"))
    ],
}
print(json.dumps(facts))
