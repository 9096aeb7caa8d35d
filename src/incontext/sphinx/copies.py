"""The reader's own copies of the notebooks, which no later version may overwrite.

A notebook that the reader has not changed is renewed where it stands. Where cells were changed, the
new version comes beside it under a new name. Outputs do not count as changes: a notebook that was
only run is renewed. The record of what was given out is `.given.json`; without it every notebook
that differs counts as changed. `my_transformer.py`, which the exercises fill, is made once.
"""

import hashlib
import json
import os
import shutil
from datetime import date
from pathlib import Path

from incontext.exercises import start_my_transformer

RECORD = ".given.json"


def renew(built: Path, own: Path, today: date) -> list[str]:
    """Bring the folder `own` up to date with the notebooks in `built`; what there is to say.

    Each file is written whole or not at all, and recorded after it is written, so that nothing is
    lost where this is interrupted.
    """
    own.mkdir(parents=True, exist_ok=True)
    said = []
    for source in sorted(built.glob("*.ipynb")):
        copy = own / source.name
        given = _given(own).get(source.name, [])
        now, there = fingerprint(source), fingerprint(copy)
        if there == now:
            pass
        elif there is None or there in given:
            _write(copy, source.read_bytes())
        elif now not in given and now not in map(fingerprint, _beside(copy)):
            new = _free_name(copy, today)
            _write(new, source.read_bytes())
            said.append(
                f"{copy.name} has changed in the book. Yours stays; the new one: {new.name}"
            )
        if given[-1:] != [now]:
            _record(own, source.name, [*given, now])
    for source in sorted(built.glob("*.predictions.json")):
        _add_predictions(source, own / source.name)
    start_my_transformer(own)
    return said


def fingerprint(notebook: Path) -> str | None:
    """A digest of what a reader writes: the cells' kinds, sources and attachments.

    None where there is no file; of a file that is no notebook, a digest of its bytes.
    """
    if not notebook.exists():
        return None
    content = notebook.read_bytes()
    try:
        written = [
            (cell["cell_type"], "".join(cell["source"]), cell.get("attachments") or {})
            for cell in json.loads(content)["cells"]
        ]
        content = json.dumps(written, sort_keys=True).encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return hashlib.sha256(content).hexdigest()


def _beside(copy: Path) -> list[Path]:
    return [path for path in copy.parent.iterdir() if path.name.startswith(f"{copy.stem} (new ")]


def _free_name(copy: Path, today: date) -> Path:
    """Such as `scaling (new 2026-11-24).ipynb`, then `scaling (new 2026-11-24, 2).ipynb`."""
    count, new = 1, copy.with_stem(f"{copy.stem} (new {today})")
    while new.exists():
        count += 1
        new = copy.with_stem(f"{copy.stem} (new {today}, {count})")
    return new


def _add_predictions(source: Path, target: Path) -> None:
    """The book's predictions; those that only an older notebook asks for stay."""
    older = _read(target)
    newer = json.loads(source.read_text(encoding="utf-8"))
    if older != (both := {**older, **newer}):
        _write(target, json.dumps(both, indent=1, ensure_ascii=False).encode())


def _given(own: Path) -> dict[str, list[str]]:
    return _read(own / RECORD)


def _record(own: Path, name: str, fingerprints: list[str]) -> None:
    _write(own / RECORD, json.dumps({**_given(own), name: fingerprints}, indent=1).encode())


def _read(path: Path) -> dict:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: beside it first, then in its place in one step."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        shutil.copymode(path, part)
    os.replace(part, path)
