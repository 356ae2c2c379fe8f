"""Loaded by every Python that has this folder on PYTHONPATH: azure-cli meets the lab's names."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import names  # noqa: E402,F401
