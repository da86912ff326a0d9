"""A smaller copy of the MakeHuman assets, for machines to which everything is carried: python -m vid2vid.data.slim_assets --assets DIR
--out DIR

At 256 x 256 a face is about 110 pixels wide; a skin of 1024 texels still has 150 across it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from PIL import Image

LARGEST = {"skins": 1024, "hair": 512, "clothes": 512, "teeth": 256, "tongue": 256}


def slim(assets: Path, out: Path) -> None:
    for file in sorted(p for p in assets.rglob("*") if p.is_file()):
        target = out / file.relative_to(assets)
        target.parent.mkdir(parents=True, exist_ok=True)
        side = LARGEST.get(file.relative_to(assets).parts[0])
        if side is None or file.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            shutil.copyfile(file, target)
            continue
        image = Image.open(file)
        image.thumbnail(
            (side, side), Image.Resampling.BOX
        )  # alpha and colour alike: the textures' clear pixels hold their neighbours' colour
        image.save(target, quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    slim(options.assets, options.out)


if __name__ == "__main__":
    main()
