"""Counting how often training fails."""

import pytest

from collapse import LOOK_INTERVAL, table, verdict_from
from dcgan.health import findings
from tests.test_health import SOUND


@pytest.mark.parametrize(("batch", "pictures"), [(32, 19_200), (64, 25_600), (128, 38_400)])
def test_no_run_is_too_short_to_be_found_sick(batch: int, pictures: int) -> None:
    moments = range(LOOK_INTERVAL, pictures + 1, LOOK_INTERVAL)
    looks = [SOUND._replace(images_seen=at, diversity=0.1, most_diverse=0.1) for at in moments]
    assert findings(looks, batch)
    assert not findings(looks[:-1], batch)
    assert verdict_from(batch) == pictures


def test_the_table() -> None:
    last = {"diversity": 0.971, "contrast": 1.0, "told_apart": 0.5}
    sound = {"seed": 10, "findings": {}, "diverged": False, "last": last}
    sick = sound | {"seed": 9, "findings": {"collapsed": 12_800, "D wins": 6_400}}
    alike = sound | {"seed": 8, "findings": {"still alike": 38_400}, "diverged": True}
    assert table([sound, sick, alike]).splitlines()[2:] == [
        "| 8 | no | yes | yes | 0.97 | 1.00 | 0.50 | still alike (from 38,400) |",
        "| 9 | yes | no | no | 0.97 | 1.00 | 0.50 | collapsed (from 12,800), D wins (from 6,400) |",
        "| 10 | no | no | no | 0.97 | 1.00 | 0.50 | none |",
    ]
