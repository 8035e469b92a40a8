"""Without Dask `import skood` works, and `skood.parallel` names the extra to install."""

import subprocess
import sys

from skood._optional import install_command

CODE = """
import sys
sys.modules["dask"] = None  # blocks its import
import skood
skood.LCPOutlierDetector().fit([[0.0], [1.0], [3.0]])
print("works")
import skood.parallel
"""


def test_without_dask():
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE], capture_output=True, text=True, check=False
    )
    assert process.stdout.split() == ["works"]
    assert process.stderr.strip().splitlines()[-1] == (
        "ImportError: skood.parallel needs the module 'dask', which is not installed: "
        f"run {install_command('dask')} (the extra 'dask')."
    )
