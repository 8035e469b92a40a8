"""``python -m skood``: the same as the command ``skood``."""

import sys

from skood.cli import main

if __name__ == "__main__":
    sys.exit(main())
