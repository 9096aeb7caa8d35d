"""What a real decoder expects next: the groups that travel against all 49,152 logits."""

import gzip
import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from traitlets import TraitError

from incontext.explorables import NextToken
from incontext.explorables.next_token import (
    N_LISTED,
    N_NEW,
    N_SHOWN,
    PROMPTS,
    RECORDED,
    RECORDED_AT,
    SEEDS,
    Ranking,
    continuation,
    group_sizes,
    next_logits,
    shown,
    uniform,
)
from incontext.generation import next_token_probabilities
from incontext.pretrained import decoder_to_read
from incontext.softmax import entropy

VOCAB = 49_152


@pytest.fixture(scope="module")
def smollm2():
    return decoder_to_read()


@pytest.fixture(scope="module")
def explorer(smollm2):
    return NextToken(model=smollm2)


@pytest.fixture(scope="module")
def logits(smollm2):
    return {prompt: next_logits(*smollm2, prompt).double() for prompt in PROMPTS}


@pytest.fixture(autouse=True)
def put_back(request):
    yield
    if "explorer" in request.fixturenames:
        explorer = request.getfixturevalue("explorer")
        for name, value in explorer.spec["initial"].items():
            setattr(explorer, name, value)


def table(explorer) -> dict[str, list]:
    return {row[0]: row[1:] for row in explorer.numbers().rows}


TEMPERATURES = [0.1, 0.16, 0.25, 0.4, 0.63, 0.8, 1.0, 1.3, 1.6, 2.0]
CUTS = [*itertools.product(["all", 5, 100, 500], [0.05, 0.5, 0.9, 0.99, 1.0])]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_table_equals_what_all_logits_give(explorer, logits, prompt):
    """Probabilities and entropies within 1e-3; the nucleus too, or within one token. Each prompt at
    every temperature with a quarter of the cuts, so that every pair of the two comes up."""
    explorer.prompt = prompt
    order = logits[prompt].argsort(descending=True, stable=True)[:N_SHOWN]
    settings = [
        (temperature, *CUTS[i])
        for at, temperature in enumerate(TEMPERATURES, start=PROMPTS.index(prompt))
        for i in range(at % 4, len(CUTS), 4)
    ]
    for temperature, top_k, top_p in settings:
        explorer.temperature, explorer.top_k, explorer.top_p = temperature, top_k, top_p
        before = next_token_probabilities(logits[prompt], temperature=temperature)
        k = None if top_k == "all" else top_k
        after = next_token_probabilities(
            logits[prompt], temperature=temperature, top_k=k, top_p=top_p
        )
        rows = explorer.numbers().rows
        for row, number in zip(rows, order.tolist(), strict=False):
            assert row[1] == pytest.approx(logits[prompt][number].item(), abs=1e-4)
            assert row[2] == pytest.approx(before[number].item(), abs=1e-3)
            assert row[3] == pytest.approx(after[number].item(), abs=1e-3)
        others = rows[N_SHOWN]
        assert others[0] == "49,142 others"
        assert others[2] == pytest.approx(1 - before[order].sum().item(), abs=1e-3)
        assert others[3] == pytest.approx(1 - after[order].sum().item(), abs=1e-3)
        named = table(explorer)
        kept = int((after > 0).sum()) if top_p < 1 or k else VOCAB
        assert named["tokens kept"][2] == pytest.approx(kept, rel=1e-3, abs=1)
        assert named["entropy (nats)"][1] == pytest.approx(entropy(before).item(), abs=1e-3)
        assert named["entropy (nats)"][2] == pytest.approx(entropy(after).item(), abs=1e-3)


def test_the_rest_of_the_table(explorer):
    explorer.top_k, explorer.top_p, explorer.seed = 5, 0.7, 2
    rows = table(explorer)
    less = math.exp(rows["␣the"][0] - rows["␣Paris"][0])
    assert rows["␣the"][1] == pytest.approx(less * rows["␣Paris"][1])
    assert rows["␣the"][2] == 0  # Paris alone reaches 0.7
    assert rows["tokens kept"][2] == 1
    assert rows["entropy (nats)"][2] == 0
    assert rows["equal tokens with this entropy"][2] == 1
    assert rows["largest possible entropy: ln n"][1] == pytest.approx(math.log(VOCAB))
    assert rows["seed"][2] == 2
    for temperature, nearest in [(0.1, 0.2), (0.3, 0.2), (0.33, 0.5), (0.8, 1.0), (1.9, 2.0)]:
        explorer.temperature = temperature
        assert table(explorer)["continuation recorded at T"][2] == nearest


def test_groups():
    sizes = group_sizes(VOCAB)
    assert sum(sizes) == VOCAB and sizes[: N_LISTED + 1] == [1] * N_LISTED + [sizes[N_LISTED]]
    assert all(1 <= size <= 1200 for size in sizes)
    assert group_sizes(7) == [1] * 7 and sum(group_sizes(503)) == 503
    flat = Ranking.of(torch.zeros(VOCAB)).cut(1.0, "all", 0.5)
    assert flat.kept.sum() == pytest.approx(VOCAB / 2, abs=1)
    assert flat.entropies() == pytest.approx((math.log(VOCAB), math.log(VOCAB / 2)), abs=1e-4)


def test_tokens_are_written_so_that_they_can_be_seen():
    assert [shown(token) for token in (" Paris", "\n\n", " ", "\t")] == ["␣Paris", "↵↵", "␣", "⇥"]


# Draws


def chi_square(counts, expected):
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_numbers_that_draw_are_uniform(seed):
    numbers = uniform(20_000, seed)
    assert ((numbers > 0) & (numbers < 1)).all()
    pairs = np.histogram2d(numbers[:-1], numbers[1:], bins=8, range=[[0, 1], [0, 1]])[0]
    assert 30 < chi_square(pairs, 19_999 / 64) < 104  # 64 cells: 63 ± 11, three times
    assert chi_square(np.histogram(numbers[:1000], bins=10, range=(0, 1))[0], 100) < 28


@pytest.mark.parametrize("cut", [(1.0, "all", 1.0), (2.0, "all", 0.9), (1.5, 20, 0.95)])
def test_draws_pile_up_as_the_bars_say(explorer, cut):
    explorer.prompt = "I love"
    probabilities = explorer._rankings["I love"].cut(*cut)
    n = 20_000
    counts = np.bincount(probabilities.draw(n, seed=2), minlength=len(probabilities.after))
    assert counts[probabilities.kept == 0].sum() == 0
    common = probabilities.after * n >= 5
    n_free = common.sum() - 1
    at_most = n_free + 4 * math.sqrt(2 * n_free)
    assert chi_square(counts[common], probabilities.after[common] * n) < at_most


def test_draws_are_counted_named_and_repeatable(explorer):
    explorer.temperature, explorer.draws = 2.0, 1000
    rows = explorer.numbers().rows
    assert sum(row[4] for row in rows[: N_SHOWN + 1]) == 1000
    names = set()
    for n in range(1, 60):
        explorer.draws = n
        names.add(table(explorer)["last draw"][2])
    assert "␣Paris" in names and "one of 48,652 others" in names and len(names) > 5
    explorer.draws = 1000
    assert explorer.numbers().rows == rows
    explorer.seed = 3
    explorer.draws = 1000
    assert [row[4] for row in explorer.numbers().rows] != [row[4] for row in rows]


@pytest.mark.parametrize(
    "change",
    [{"prompt": PROMPTS[1]}, {"temperature": 0.5}, {"top_k": 5}, {"top_p": 0.9}, {"seed": 2}],
)
def test_another_setting_starts_the_draws_over(explorer, change):
    for name, value in change.items():
        explorer.draws = 40
        setattr(explorer, name, value)
        assert explorer.draws == 0
        assert table(explorer)["last draw"][2] == "none yet"


# Continuations


def test_recorded_file():
    assert RECORDED.stat().st_size < 1_000_000
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert recorded["temperatures"] == list(RECORDED_AT) and recorded["seeds"] == list(SEEDS)
    assert recorded["n_new"] == N_NEW and recorded["model"] == "SmolLM2-135M-Instruct"
    assert list(recorded["continuations"]) == list(PROMPTS)
    for of_prompt in recorded["continuations"].values():
        assert np.array(of_prompt).shape == (len(RECORDED_AT), len(SEEDS), N_NEW)


@pytest.mark.parametrize(
    ("prompt", "temperature", "seed"), [(0, 0, 0), (3, 2, 1), (8, 1, 2), (11, 4, 0)]
)
def test_recorded_continuations_are_what_the_decoder_writes(smollm2, prompt, temperature, seed):
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["continuations"]
    written = continuation(*smollm2, PROMPTS[prompt], RECORDED_AT[temperature], SEEDS[seed])
    assert written == recorded[PROMPTS[prompt]][temperature][seed]


def test_the_page_has_the_recorded_texts(explorer, smollm2):
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["continuations"]
    one = explorer.data()["prompts"][PROMPTS[5]]["continuations"][1][2]
    assert one == smollm2[1].decode(recorded[PROMPTS[5]][1][2])


# The page, and a notebook


def test_what_travels_is_small(explorer):
    state = json.dumps(explorer.spec, separators=(",", ":"))
    assert len(gzip.compress(state.encode(), 6)) <= 60_000


def test_prompts_of_ones_own(smollm2):
    mine = NextToken(["Dogs bark at", "import numpy as"], model=smollm2, top_k=3, draws=50)
    assert mine.prompt == "Dogs bark at" and mine.draws == 50
    assert table(mine)["tokens kept"][2] == 3
    prompts = mine.data()["prompts"]
    assert prompts["Dogs bark at"]["continuations"] == []
    assert len(prompts["import numpy as"]["continuations"]) == len(RECORDED_AT)
    mine.top_k = 1
    greedy = mine.write(4)
    assert greedy.startswith("Dogs bark at") and greedy == mine.write(4)
    mine.top_k = "all"
    seeded = [mine.write(4, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert seeded[0] == seeded[1] != seeded[2]


def test_importing_loads_no_model():
    code = "import sys, incontext.explorables; sys.exit('gguf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_alt_text_has_the_numbers_of_the_state(explorer):
    explorer.temperature, explorer.draws = 2.0, 7
    rows = table(explorer)
    for words in (
        "“The capital of France is” at temperature 2",
        f"␣Paris {rows['␣Paris'][2]:.3f}",
        "keeps 49,152 of 49,152",
        f"{rows['entropy (nats)'][2]:.2f} nats",
        "7 draws",
    ):
        assert words in explorer.alt()


def test_bad_values(explorer):
    bad = {"prompt": "no such", "temperature": 2.1, "top_k": 4, "top_p": 0.0, "draws": 1001}
    for name, value in bad.items():
        with pytest.raises(TraitError, match=name):
            setattr(explorer, name, value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("prompts", "says"),
    [
        ("one text", "prompts must be a list of different texts, got 'one text'"),
        ([], "prompts must be a list of different texts"),
        (["I", "I"], "prompts must be a list of different texts"),
        (["I", ""], "prompts must each have at least one token"),
    ],
)
def test_bad_prompts(smollm2, prompts, says):
    with pytest.raises(ValueError, match=says):
        NextToken(prompts, model=smollm2)
