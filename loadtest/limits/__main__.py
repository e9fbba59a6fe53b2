"""The command line: `python -m loadtest.limits [check|serve] …`."""

import sys
from functools import partial

from loadtest.limits.cli import main
from loadtest.processes import run_program

if __name__ == "__main__":
    run_program(partial(main, sys.argv[1:]))
