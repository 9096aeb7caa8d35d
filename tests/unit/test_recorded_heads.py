"""recorded/heads.json: what is in the file is what the models do."""

import importlib.util
from pathlib import Path

import pytest
import torch

from incontext import reading, relations
from incontext.config import TransformerConfig
from incontext.pretrained import decoder_to_read
from incontext.transformer import Decoder, Encoder

SCRIPT = Path(__file__).parents[2] / "scripts" / "record_heads.py"
SPEC = importlib.util.spec_from_file_location("record_heads", SCRIPT)
record_heads = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record_heads)

RECORD = reading.recorded()


@pytest.fixture(scope="module")
def encoder():
    return record_heads.OfTheEncoder()


@pytest.fixture(scope="module")
def decoder():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_heads, "load_decoder", decoder_to_read)
        return record_heads.OfTheDecoder()


def test_the_file_is_small_and_complete():
    assert reading.RECORDED.stat().st_size < 1e5
    assert "scripts/record_heads.py" in RECORD["command"]
    for way in record_heads.WAYS:
        assert len(RECORD["encoder"][way]) == 72
        assert len(RECORD["decoder"]["alone"][way]) == 20
    assert len(RECORD["decoder"]["controls"]) == 20
    assert set(RECORD["decoder"]["relations"]) == set(relations.HELD_OUT) < set(relations.GRAMMARS)


@pytest.mark.parametrize("way", record_heads.WAYS)
@pytest.mark.parametrize("head", [(0, 2), (5, 5)])
def test_the_encoders_heads(encoder, head, way):
    anew = encoder.without(*head, way)
    assert anew == pytest.approx(RECORD["encoder"][way][12 * head[0] + head[1]], abs=2e-4)


def test_removal_ends_where_all_heads_are_off(encoder):
    own, gap = encoder.separation(range(72))
    ends = [rows[-1] for rows in RECORD["removal"].values()]
    assert all(end == {"own sense": int(own.sum()), "gap": ends[0]["gap"]} for end in ends)
    assert float(gap.mean()) == pytest.approx(ends[0]["gap"], abs=1e-4)
    on = torch.zeros(6, 12)
    with torch.no_grad():
        x = encoder.model(encoder.ids, encoder.mask, head_mask=on).last_hidden_state
    one = torch.nn.functional.normalize(x[torch.arange(8), encoder.places[:8]], dim=-1)  # bank
    cosines = [[float(a @ b) for b in one] for a in one]
    within = [cosines[i][j] for i in range(8) for j in range(8) if i != j and i // 4 == j // 4]
    between = [cosines[i][j] for i in range(8) for j in range(8) if i // 4 != j // 4]
    by_hand = sum(within) / len(within) - sum(between) / len(between)
    assert float(gap[0]) == pytest.approx(by_hand, abs=1e-5)


def test_a_head_of_the_decoder_and_a_group(decoder):
    file = RECORD["decoder"]
    intact = dict(zip(("first", "repetition"), decoder.losses(), strict=True))
    assert intact == pytest.approx({k: file["intact"][k] for k in intact}, abs=2e-3)
    assert decoder.lead() == pytest.approx(file["intact"]["lead"], abs=2e-3)
    place = [head for group in file["groups"].values() for head in group].index([26, 0])
    with decoder.off([(26, 0)], "zero"):
        assert decoder.lead() == pytest.approx(file["alone"]["zero"][place]["lead"], abs=2e-3)
    heads = [tuple(head) for head in file["groups"]["induction"]]
    with decoder.off(heads, "mean", decoder.unrepeated):
        first, again = decoder.losses()
    kept = file["together"]["induction"]["mean"]
    assert (first, again) == pytest.approx((kept["first"], kept["repetition"]), abs=5e-3)


def test_prose_a_control_and_the_starts(decoder):
    file = RECORD["decoder"]
    heads = [tuple(head) for head in file["groups"]["induction"]]
    twice = decoder.tokenizer.encode(record_heads.PROSE[1]).repeat(2)[None]
    assert decoder.on_repeats(heads, twice) == pytest.approx(file["prose"][1], abs=5e-3)
    (control,) = decoder.controls(heads, 1)
    assert control == pytest.approx(file["controls"][0], abs=5e-3)
    assert decoder.starts() == pytest.approx({"intact": file["starts"]["intact"]}, abs=5e-3)


def test_luck_is_the_best_on_the_tested_sentences(encoder):
    """No head of one fresh encoder beats what the file has for six; counted here with `hits`."""
    model = record_heads.fresh(encoder.model, 0)
    for relation, other in relations.HELD_OUT.items():
        examples = relations.pairs(other, 40, seed=1)
        ids, mask = encoder.tokenizer.encode_batch([pair.text for pair in examples])
        with torch.no_grad():
            found = relations.hits(model(ids, mask).attentions, encoder.tokenizer, examples)
        luck = RECORD["encoders by chance"]["back"][relation]
        assert found.float().mean(0).max() <= luck + 0.02
    best = record_heads.best_on_relations(model, encoder.tokenizer)
    assert best[relation] == pytest.approx(float(found.float().mean(0).max()))


@pytest.mark.parametrize("kind", [Encoder, Decoder])
def test_scrambled_is_the_same_numbers_in_another_order(kind):
    model = kind(TransformerConfig(31, 11, 24, 6, 29, 3), torch.Generator().manual_seed(1))
    other = record_heads.scrambled(model, 0)
    for (name, one), two in zip(model.named_parameters(), other.parameters(), strict=True):
        same = torch.equal(one, two)
        assert same == (one.ndim < 2 or "embedding" in name), name
        assert torch.equal(one.flatten().sort().values, two.flatten().sort().values)
