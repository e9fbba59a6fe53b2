"""The command line: `python -m loadtest.limits [run|check|serve] …`."""

import sys

from loadtest.limits.cli import main
from loadtest.processes import end_like_ctrl_c

if __name__ == "__main__":
    end_like_ctrl_c()
    sys.exit(main(sys.argv[1:]))
