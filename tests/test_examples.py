"""The example scripts, run as they stand, in small."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_glasses(tmp_path: Path) -> None:
    main = runpy.run_path(str(EXAMPLES / "glasses.py"))["main"]
    assert main(1_280, tmp_path) > 0.6  # 100 labels tell more than chance
