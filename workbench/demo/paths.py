"""Where the demo model lies inside the package; imports nothing."""

from __future__ import annotations

from pathlib import Path

MODEL_DIR = Path(__file__).resolve().parent / "model"
