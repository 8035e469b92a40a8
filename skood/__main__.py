"""``python -m skood`` does what the command ``skood`` does."""

import sys

from skood.cli import main

if __name__ == "__main__":
    sys.exit(main())
