"""The web interface as it was built: files that the server sends to browsers as they are."""

from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
"""Where `make ui` puts them; not there before."""
