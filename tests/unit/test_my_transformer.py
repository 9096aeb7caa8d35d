"""The thread whole: made from the solutions, my_transformer.py reads, trains and writes."""

import ast
import re

import nbformat
import pytest
from nbclient import NotebookClient
from test_imports import CHAPTERS, chapters_here, code_of_chapter

from incontext.exercises import start_my_transformer
from incontext.exercises.keeping import FILE, NEW_FILE, PARTS

CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?:---\n.*?^---\n)?(.*?)^```", re.M | re.S)
USE = """\
import torch
from torch import nn

import my_transformer as mine
from incontext import corpus, exercises, training

assert exercises.run_encoder_on(mine.attend, "The cat sat on the mat.")
written = exercises.run_decoder_on(mine.attend, "The keys to the cabinet")
assert written and written.text.startswith("The keys to the cabinet are"), written

run = training.new_run(training.default_config(), seed=1)
for block in run.model.stack.blocks:
    block.attention.attend = lambda q, k, v, mask=None, **asked: mine.attend(q, k, v, mask=mask)
optimizer = torch.optim.AdamW(run.model.parameters(), lr=0.005)
losses = []
for step in range(30):
    batch = corpus.sentences(32, seed=step)
    answers = run.vocabulary.encode([one.words[one.answer] for one in batch])
    given = training.batch_of(batch, run.vocabulary, run.reading)
    losses.append(mine.training_step(run.model, optimizer, *given, answers))
assert losses[-1] < losses[0] - 1, losses

with torch.no_grad():
    ids, is_word, rows = given
    logits = run.model(ids, is_word).logits
    places = torch.tensor([one.answer for one in batch])
    assert mine.answer_loss(logits, ids, places) < losses[0] - 1
    assert mine.every_word_loss(logits, ids, is_word) > 0
    text = run.vocabulary.encode(["the", "keys"])
    for u in torch.rand(6, generator=torch.Generator().manual_seed(3)).tolist():
        word = mine.sampler(run.model(text[None]).logits[0, -1], 0.7, u)
        text = torch.cat([text, torch.tensor([word])])
assert len(text) == 8 and int(text.max()) < len(run.vocabulary)

x = torch.randn(5, 12)
assert mine.multi_head(x, x, x, 3).shape == (5, 12)
assert mine.sinusoids(5, 12).shape == mine.rotate(x, torch.arange(5)).shape == (5, 12)
assert torch.allclose(mine.softmax(x, 2.0), torch.softmax(x / 2, -1))

layer = run.model.stack.blocks[0]
x = torch.randn(2, 5, run.model.config.d_model)
parts = layer.feed_forward, layer.attention_norm, layer.feed_forward_norm
y = mine.block(x, lambda z: layer.attention(z)[0], *parts)
torch.testing.assert_close(y, layer(x)[0])
"""


def kept_in(chapter: str) -> dict[str, str]:
    """The parts that a chapter keeps, each with its exercise's solution, renamed my_…"""
    text = (CHAPTERS / f"{chapter}.md").read_text(encoding="utf-8")
    found = {}
    for exercise in re.split(r"^```\{exercise\}", text, flags=re.M)[1:]:
        kept = re.findall(r"^exercises\.keep\(my_(\w+)\)", exercise, re.M)
        assert len(kept) <= 1, "one exercise makes one part"
        for part in kept:
            for cell in CELL.findall(exercise):
                for node in ast.parse(cell).body:
                    if getattr(node, "name", "") == f"solved_{part}":
                        found[part] = ast.get_source_segment(cell, node).replace("solved_", "my_")
            assert part in found, f"{chapter}: no solved_{part} in the solution"
    return found


def imports_of(chapter: str) -> str:
    nodes = [node for tree in code_of_chapter(chapter) for node in tree.body]
    return "\n".join(ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom))


def test_every_part_is_made_by_its_chapter():
    made = {part: chapter for chapter in chapters_here() for part in kept_in(chapter)}
    assert made == {name: part.chapter for name, part in PARTS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The file as a reader has it who has solved everything, each chapter in a kernel's cells."""
    folder = tmp_path_factory.mktemp("learner")
    start_my_transformer(folder)
    cells = []
    for chapter in chapters_here():
        if parts := kept_in(chapter):
            cells.append(imports_of(chapter))
        for part, solution in parts.items():
            cells += [solution, f"kept = exercises.keep(my_{part})\nassert kept, kept\nkept"]
    run(folder, [*cells, *(f"kept = exercises.keep(my_{part})\nkept" for part in PARTS)])
    return folder


def run(folder, cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def test_the_file_has_every_part_once_and_nothing_else(folder):
    tree = ast.parse((folder / FILE).read_text())
    made = [getattr(node, "name", None) for node in tree.body]
    assert sorted(filter(None, made)) == sorted([*PARTS, "__getattr__"])
    assert sorted(path.name for path in folder.glob("*.py")) == [FILE.name]
    assert "my_" not in re.sub("my_transformer", "", (folder / FILE).read_text()[len(NEW_FILE) :])


def test_both_real_models_run_on_it_and_it_trains_and_writes(folder):
    run(folder, [USE])
