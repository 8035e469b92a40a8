"""Where torch is missing: `import skood` works, and `skood.deep` says which extra to install."""

import subprocess
import sys

from skood._optional import install_command

CODE = """
import sys
import skood
skood.LCPOutlierDetector().fit([[0.0], [1.0], [3.0]])
assert "torch" not in sys.modules
print("works")
sys.modules["torch"] = None  # Python's own way of saying that it can't be imported
for module in ("skood.deep", "skood.deep.features"):
    try:
        __import__(module)
    except ImportError as error:
        print(error)
"""


def test_without_torch():
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
    )
    says = (
        "skood.deep needs the module 'torch', which is not installed: "
        f"run {install_command('torch')} (the extra 'torch')."
    )
    assert process.stdout.splitlines() == ["works", says, says], process.stderr
