"""Where the MakeHuman assets are: MAKEHUMAN_ASSETS, or the shared data folder beside the checkout. Without them those tests are skipped."""

import contextlib
import os
from pathlib import Path

import pytest

from synthetic_people.assets import Assets

# PyTorch's optimisers bring Triton along, whose LLVM crashes the process when it is loaded after that of Mesa's software OpenGL.
with contextlib.suppress(ImportError):
    import torch._dynamo  # noqa: F401

DEFAULT = Path(__file__).parents[3] / "shared/data/makehuman"


@pytest.fixture(scope="session")
def assets() -> Assets:
    root = Path(os.environ.get("MAKEHUMAN_ASSETS", DEFAULT))
    if not (root / "base.obj").is_file():
        pytest.skip("SKIPPED: no MakeHuman assets; set MAKEHUMAN_ASSETS")
    return Assets(root)
