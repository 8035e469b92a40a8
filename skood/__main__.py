"""``python -m skood``: the same as the command ``skood``."""

import os
import sys

_INTERRUPTED = 130


def run() -> int:
    """Run the command. Ctrl-C ends it without a traceback while it is still being loaded."""
    try:
        from skood.cli import main

        status = main()
    except KeyboardInterrupt:
        status = _INTERRUPTED
    if status == _INTERRUPTED:
        # Code that a library had in exec would make Python end by the signal, though it is caught.
        sys.stderr.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(run())
