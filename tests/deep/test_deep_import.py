"""Where torch is missing: `import skood` works, and `skood.deep` says which extra to install."""

import subprocess
import sys

import pytest

CODE = """
import sys
import skood
skood.LCPOutlierDetector().fit([[0.0], [1.0], [3.0]])
assert "torch" not in sys.modules
print("works")
sys.modules["torch"] = None  # Python's own way of saying that it can't be imported
import {module}
"""


@pytest.mark.parametrize("module", ["skood.deep", "skood.deep.features"])
def test_without_torch(module):
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE.format(module=module)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.split() == ["works"]
    assert process.stderr.strip().splitlines()[-1] == (
        "ImportError: skood.deep needs the module 'torch', which is not installed: "
        'run pip install "skood[torch]" to add it.'
    )
