"""The command line: `python -m loadtest.limits [run|check|serve] …`."""

import sys

from loadtest.limits.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
