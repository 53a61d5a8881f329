"""Who wears glasses? Answered from few labels, with features that were learnt without any.

python examples/glasses.py [PICTURES]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

import dcgan


def main(images: int = 50_000, folder: Path = Path("runs", "glasses")) -> tuple[float, float]:
    """Trains a DCGAN on drawn faces, and an SVM on 100; its accuracy, and the commoner answer's."""
    faces = dcgan.pack("faces", folder / "pack", dcgan.PackConfig(size=dcgan.Size(32, 32)))
    model = dcgan.train(folder / "pack", folder / "run", width=16, batch=32, images=images)
    pixels, glasses = faces.pictures(np.arange(2_000)), faces.labels("glasses")[:2_000]
    machine = make_pipeline(dcgan.DiscriminatorFeatures(model), dcgan.L2SVM(1e-3))
    machine.fit(pixels[:100], glasses[:100])
    share = glasses[100:].mean()
    return float(machine.score(pixels[100:], glasses[100:])), float(max(share, 1 - share))


if __name__ == "__main__":
    right, always = main(*map(int, sys.argv[1:]))
    print(f"{right:.1%} of 1,900 faces told right, from 100 labels; {always:.1%} by one answer.")
