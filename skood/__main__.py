"""``python -m skood``: the same as the command ``skood``."""

import sys


def run() -> int:
    """Run the command. Ctrl-C ends it without a traceback while it is still being loaded."""
    try:
        from skood.cli import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
