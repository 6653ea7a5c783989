"""What the guides and the errors promise is so."""

import subprocess
import sys

from harness import ROOT, program


def test_every_command_that_a_remedy_names_is_one():
    done = subprocess.run([sys.executable, ROOT / "tools" / "error_docs.py", "--check",
                           "--cutover", program("cutover")], check=False, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout + done.stderr
