"""The example scripts, run as they stand, in small."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_glasses(tmp_path: Path) -> None:
    main = runpy.run_path(str(EXAMPLES / "glasses.py"))["main"]
    right, always = main(1_280, tmp_path)
    assert 0.5 <= always < 0.7
    assert right > always + 0.1  # 100 labels tell more than the commoner answer
