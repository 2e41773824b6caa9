"""Events: one JSON object a line on stdout, where nothing else is printed."""

import json
import sys
from typing import Any, NoReturn


def tell(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}, separators=(",", ":")), flush=True)


def note(text: str) -> None:
    """Says on stderr what nobody acts upon."""
    print(text, file=sys.stderr, flush=True)


def fail(message: str) -> NoReturn:
    note(f"peer.py: {message}")
    sys.exit(1)
