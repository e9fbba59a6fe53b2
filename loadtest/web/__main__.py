"""`make locust`: the comparison's users in Locust's own web page, against a shop of its own.

python -m loadtest.web
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest.processes import StartFailed, run_program
from loadtest.results import Cell, Method
from loadtest.setting import Holding, lab_shop, world_of
from loadtest.shop import ROOT
from loadtest.web.sizes import IDS
from loadtest.world import World
from mesh.launcher import free_port

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
HOST = "127.0.0.1"
CUSTOMERS = 8
HOLDINGS = tuple(
    Holding.of(Cell(row="", ids=ids, method=Method.VALIDATE), CUSTOMERS) for ids in IDS
)
STOP_TIMEOUT_S = 5.0


def command(world: Path, port: int, rest: Sequence[str]) -> list[str]:
    """Locust's command line."""
    return [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE)),
        *("--world", str(world), "--web-host", HOST, "--web-port", str(port)),
        *("--class-picker", *rest),
    ]


def write_world(world: World, path: Path) -> None:
    """Write `world` where only its owner can read it: it holds tokens."""
    path.touch(mode=0o600)
    path.write_text(world.model_dump_json(), encoding="utf-8")


def wait(locust: "subprocess.Popen[bytes]") -> int:
    """Wait for Locust and return its exit code; on Ctrl-C, 0 once it has ended."""
    try:
        return locust.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        end(locust)


def end(locust: "subprocess.Popen[bytes]") -> None:
    """See Locust end: by itself, as it gets the terminal's Ctrl-C too, or else by force."""
    for more_force in (locust.terminate, locust.kill):
        try:
            locust.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            more_force()
    locust.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Run shop and Locust until Ctrl-C; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.web",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Other options are Locust's, such as --headless -u 4 -t 10s.",
    )
    parser.add_argument("--web-port", type=int, default=0, help="0 takes a free one")
    options, rest = parser.parse_known_args(argv)
    port = options.web_port or free_port()
    try:
        with tempfile.TemporaryDirectory(prefix="waybill-locust-") as name:
            folder = Path(name)
            with lab_shop(folder, HOLDINGS, seed=1) as shop:
                file = folder / "world.json"
                write_world(world_of(shop, "locust", HOLDINGS), file)
                if "--headless" not in rest:
                    print(f"Locust: http://{HOST}:{port}/  (Ctrl-C ends it)", flush=True)
                return wait(subprocess.Popen(command(file, port, rest), cwd=ROOT))
    except StartFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    run_program(main)
