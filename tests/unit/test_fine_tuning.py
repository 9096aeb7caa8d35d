"""Fine-tuning: what a step moves, what is frozen, what a run says, on small encoders."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from incontext import which_bank
from incontext.config import TransformerConfig
from incontext.fine_tuning import (
    FROZEN,
    Classifier,
    bag_of_words_accuracy,
    fit,
    fresh_embeddings,
    linear_probe,
    movement,
    new_run,
    pool,
    recorded,
    word_counts,
    words_of,
)
from incontext.pretrained import load_encoder
from incontext.transformer import Encoder

TEXTS = [
    "The boat is here.",
    "The loan, and the interest on the loan, is here.",
    "A boat and a fish.",
    "A loan.",
    "Fish like the boat.",
    "Money for a loan.",
    "A fish.",
]
LABELS = ["river", "money", "river", "money", "river", "money", "river"]


@pytest.fixture(scope="module")
def tokenizer():
    return load_encoder()[1]


@pytest.fixture
def model(tokenizer):
    """A small encoder of MiniLM's kind, random, and MiniLM's tokenizer."""
    config = TransformerConfig(
        len(tokenizer), n_positions=17, d_model=12, n_heads=3, d_ff=20, n_layers=2, norm="post",
        n_types=2, norm_embeddings=True,
    )  # fmt: skip
    return Encoder(config, torch.Generator().manual_seed(5)), tokenizer


def quick(model, **options):
    return fit(TEXTS, LABELS, **{"model": model, "n_epochs": 2, "batch_size": 3, "seed": 1,
                                 "progress": False, **options})  # fmt: skip


def weights_of(module):
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


# What a text becomes


def test_pool_is_the_mean_of_the_tokens_and_padding_has_no_say():
    x = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(1))
    lengths = [5, 2, 1]
    is_token = torch.arange(5) < torch.tensor(lengths)[:, None]
    got = pool(x, is_token)
    for i, n in enumerate(lengths):
        assert_close(got[i], sum(x[i, t] for t in range(n)) / n)
    x[1, 2:] = 1000.0
    assert_close(pool(x, is_token), got)


def test_logits_are_those_of_each_text_alone(model):
    encoder, tokenizer = model
    classifier = Classifier(encoder, 3, torch.Generator().manual_seed(2))
    logits = classifier(*tokenizer.encode_batch(TEXTS))
    assert logits.shape == (7, 3)
    for text, row in zip(TEXTS, logits, strict=True):
        [states] = encoder(tokenizer.encode(text)[None]).last_hidden_state
        by_hand = states.mean(0) @ classifier.out_proj.weight.T + classifier.out_proj.bias
        assert_close(row, by_hand, rtol=1e-4, atol=1e-6)


# What moves


def test_freezing_names_each_weight_once_and_can_be_taken_back(model):
    classifier = Classifier(model[0], 2)
    n_trained = {}
    for what in FROZEN:
        classifier.freeze(what)
        n_trained[what] = {n for n, p in classifier.named_parameters() if p.requires_grad}
    everything = {name for name, _ in classifier.named_parameters()}
    assert n_trained["nothing"] == everything
    assert n_trained["encoder"] == {"out_proj.weight", "out_proj.bias"}
    frozen = everything - n_trained["embeddings"]
    assert frozen == {
        f"encoder.{part}"
        for part in ("token_embedding.weight", "position_embedding.weight", "type_embedding.weight",
                     "embedding_norm.weight", "embedding_norm.bias")
    }  # fmt: skip


@pytest.mark.parametrize("freeze", FROZEN)
def test_the_first_step_is_one_of_adam_on_what_is_not_frozen(model, freeze):
    run = quick(model, freeze=freeze, n_epochs=1, batch_size=7, learning_rate=0.003,
                new_learning_rate=0.02)  # fmt: skip
    start = new_run(
        TEXTS, LABELS, freeze=freeze, model=model, generator=torch.Generator().manual_seed(1)
    )
    loss = F.cross_entropy(
        start.classifier(*model[1].encode_batch(TEXTS)),
        torch.tensor([("money", "river").index(label) for label in LABELS]),
    )
    assert run.losses == [pytest.approx(loss.item(), rel=1e-5)]
    loss.backward()
    after, checked = weights_of(run.classifier), set()
    for name, parameter in start.classifier.named_parameters():
        if name.startswith(FROZEN[freeze]):
            assert torch.equal(after[name], parameter), name
            continue
        rate = 0.02 if name.startswith("out_proj") else 0.003
        expected = parameter - rate * parameter.grad / (parameter.grad.abs() + 1e-8)
        sure = parameter.grad.abs() > 1e-6  # where the sign is no rounding error
        assert_close(after[name][sure], expected.detach()[sure], rtol=1e-3, atol=1e-5)
        checked |= {name.split(".")[-2]} if sure.any() else set()
    assert checked >= {"out_proj"} | ({"up", "down"} if freeze != "encoder" else set())
    assert ("token_embedding" in checked) == (freeze == "nothing")


def test_only_rows_of_the_texts_move_in_the_table(model):
    run = quick(model)
    moved = (run.classifier.encoder.token_embedding.weight != model[0].token_embedding.weight).any(
        -1
    )
    used = {number for text in TEXTS for number in model[1].encode(text).tolist()}
    assert set(moved.nonzero().flatten().tolist()) == used


def test_frozen_embeddings_still_let_the_layers_above_learn(model):
    run = quick(model, freeze="embeddings")
    share = movement(model[0], run.classifier.encoder)
    assert share["embeddings"] == 0 and min(share["layer 1"], share["layer 2"]) > 0


def test_the_model_that_is_given_stays_as_it_was(model):
    before = weights_of(model[0])
    quick(model)
    assert all(torch.equal(before[name], weight) for name, weight in weights_of(model[0]).items())
    assert all(parameter.requires_grad for parameter in model[0].parameters())


def test_movement_is_a_share_of_the_size(model):
    after = fresh_embeddings(model[0])
    with torch.no_grad():
        after.token_embedding.weight.copy_(model[0].token_embedding.weight)
        for weight in after.blocks[1].parameters():
            weight.mul_(1.25)
    share = movement(model[0], after)
    assert list(share) == ["embeddings", "layer 1", "layer 2"]
    assert share["embeddings"] == share["layer 1"] == 0
    assert share["layer 2"] == pytest.approx(0.25, rel=1e-5)


def test_fresh_embeddings_replace_the_table_and_nothing_else(model):
    before = weights_of(model[0])
    with torch.no_grad():
        model[0].token_embedding.weight.mul_(3.0)
    made = fresh_embeddings(model[0], torch.Generator().manual_seed(2))
    table = model[0].token_embedding.weight
    assert_close(made.token_embedding.weight.std(), table.std(), rtol=0.01, atol=0)
    assert not (made.token_embedding.weight == table).any()
    assert torch.equal(table, 3.0 * before["token_embedding.weight"])
    for name, weight in weights_of(made).items():
        assert name == "token_embedding.weight" or torch.equal(weight, before[name])


# The loop


def test_a_seed_gives_one_run_and_another_seed_another(model):
    one, again, other = quick(model), quick(model), quick(model, seed=2)
    assert one.losses == again.losses != other.losses
    for name, weight in weights_of(one.classifier).items():
        assert torch.equal(weight, weights_of(again.classifier)[name])


def test_every_epoch_has_every_text_once_with_its_own_label(model, monkeypatch):
    seen, asked = [], []
    encode, cross_entropy = model[1].encode_batch, F.cross_entropy
    monkeypatch.setattr(model[1], "encode_batch", lambda t: (seen.append(t), encode(t))[1])
    monkeypatch.setattr(F, "cross_entropy", lambda x, y: (asked.append(y), cross_entropy(x, y))[1])
    run = quick(model)
    assert [len(batch) for batch in seen] == [3, 3, 1] * 2 and len(run.losses) == 6
    for epoch in (seen[:3], seen[3:]):
        assert sorted(text for batch in epoch for text in batch) == sorted(TEXTS)
    assert seen[:3] != seen[3:]
    for batch, targets in zip(seen, asked, strict=True):
        wanted = [LABELS[TEXTS.index(text)] for text in batch]
        assert [run.labels[i] for i in targets.tolist()] == wanted


def test_it_learns(model):
    run = quick(model, n_epochs=40, learning_rate=0.003, new_learning_rate=0.03)
    assert run.losses[0] == pytest.approx(math.log(2), abs=0.1)
    assert run.losses[-1] < 0.05 and run.accuracy(TEXTS, LABELS) == 1


def test_progress_is_a_bar_with_the_loss(model, capsys):
    run = quick(model, progress=True)
    last = capsys.readouterr().err.split("\r")[-1]
    assert "6/6" in last and f"loss={run.losses[-1]:.3f}" in last
    quick(model)
    assert not capsys.readouterr().err


def test_who_looks_after_each_step_can_end_it(model):
    seen = []

    def enough(run):
        seen.append(len(run.losses))
        if len(seen) == 4:
            raise StopIteration

    with pytest.raises(StopIteration):
        quick(model, on_step=enough)
    assert seen == [1, 2, 3, 4]


# What a run says


def test_predictions_and_their_share(model):
    run = quick(model, n_epochs=1)
    texts = 11 * TEXTS  # more than one batch
    probabilities = run.probabilities(texts)
    assert probabilities.shape == (77, 2) and run.labels == ("money", "river")
    assert_close(probabilities.sum(-1), torch.ones(77))
    assert_close(probabilities[:7], probabilities[70:], rtol=1e-4, atol=1e-6)
    predicted = run.predict(texts)
    assert predicted == [run.labels[row.argmax()] for row in probabilities]
    assert run.accuracy(texts, predicted) == 1
    other = ["river" if one == "money" else "money" for one in predicted]
    assert run.accuracy(texts, other[:20] + predicted[20:]) == pytest.approx(57 / 77)


def test_three_labels(model):
    labels = ["c", "a", "b", "a", "c", "b", "a"]
    run = fit(TEXTS, labels, model=model, n_epochs=1, progress=False)
    assert run.labels == ("a", "b", "c") and run.targets.tolist() == [2, 0, 1, 0, 2, 1, 0]
    assert set(run.predict(TEXTS)) <= {"a", "b", "c"}


# What it is compared with


def test_words_and_counts():
    assert words_of("The dog's bone: the BONE, 7!") == ["the", "dog's", "bone", "the", "bone"]
    counts = word_counts(["a b a", "c"], ["a", "b", "d"])
    assert counts.tolist() == [[2, 1, 0], [0, 0, 0]]


def test_a_linear_probe_is_logistic_regression():
    """At the optimum of overlapping data the gradient is 0; a feature that is never there stays."""
    chance = torch.Generator().manual_seed(7)
    features = torch.randn(61, 3, generator=chance)
    features[:, 2] = 0
    targets = (features[:, 0] + torch.randn(61, generator=chance) > 0).long()
    layer = linear_probe(features, targets, n_steps=1500)
    residual = layer(features).softmax(-1)[:, 1] - targets
    assert_close(features.T @ residual / 61, torch.zeros(3), rtol=0, atol=1e-4)
    assert layer.weight[:, 2].tolist() == [0, 0]
    assert torch.equal(
        linear_probe(features, targets).weight, linear_probe(features, targets).weight
    )


def test_a_bag_of_words_knows_what_it_has_seen_and_nothing_else():
    new = ["The fish.", "The money.", "Interest and a loan."]
    assert bag_of_words_accuracy(TEXTS, LABELS, new, ["river", "money", "money"]) == 1
    unseen = bag_of_words_accuracy(TEXTS, LABELS, ["Overdraft!", "Otter!"], ["money", "river"])
    assert unseen == 0.5  # one answer for both


# What was recorded


def test_the_record_is_whole_and_says_how_it_was_made():
    record = recorded()
    assert record["made_by"].endswith("scripts/record_fine_tuning.py")
    assert set(record["runs"]) == {"nothing", "embeddings", "encoder", "fresh"}
    for regime, runs in record["runs"].items():
        assert [run["seed"] for run in runs] == record["seeds"] == list(range(5))
        for run in runs:
            assert [look["step"] for look in run["looks"]] == record["steps"]
            assert len(run["losses"]) == record["steps"][-1]
            assert all(len(look["movement"]) == 7 for look in run["looks"])
            last = run["looks"][-1]["movement"]
            assert (last[0] == 0) == (regime in ("embeddings", "encoder"))
            assert (max(last[1:]) == 0) == (regime == "encoder")
            if last[0] == 0:
                assert run["analogies"] == record["analogies_before"] and run["rows_moved"] == 0


@pytest.mark.parametrize("seed", [0, 3])
def test_the_recorded_bag_of_words_is_that_of_today(seed):
    texts, labels = which_bank.sentences(160, seed=seed)
    found = bag_of_words_accuracy(texts, labels, *which_bank.written())
    kept = recorded()["baselines"][seed]["bag_of_words"]["written"]
    assert kept == pytest.approx(found, abs=2.5 / 72)  # sums in another order may turn a tie


# What cannot work


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"labels": LABELS[:5]}, "labels must be one for each of 7 texts, got 5"),
        ({"labels": ["money"] * 7}, "labels must name at least two classes, got only 'money'"),
        ({"labels": [*LABELS[:6], 1]}, r"labels\[6\] must be a str, got int"),
        ({"labels": ["River ", *LABELS[1:]]}, "by case or spaces alone: 'River ', 'river'"),
        ({"labels": []}, r"labels must be a list of at least one str, got \[\]"),
        ({"texts": "one text"}, "texts must be a list of at least one str, got 'one text'"),
        ({"texts": []}, r"texts must be a list of at least one str, got \[\]"),
        ({"texts": iter(TEXTS)}, "texts must be a list of at least one str, got list_iterator"),
        ({"texts": [*TEXTS[:3], None, *TEXTS[4:]]}, r"texts\[3\] must be a str, got NoneType"),
        ({"texts": [*TEXTS[:2], "  ", *TEXTS[3:]]}, r"texts\[2\] must not be empty, got '  '"),
        ({"texts": [*TEXTS[:6], "a " * 16]}, r"texts\[6\] has 18 tokens, and the encoder takes 17"),
        ({"texts": [*TEXTS[:6], "\ud800"]}, "text must be valid Unicode"),
        ({"freeze": "head"}, "freeze='head' must be one of 'nothing', 'embeddings', 'encoder'"),
        ({"n_epochs": 0}, "n_epochs=0 must be at least 1"),
        ({"batch_size": 2.5}, "batch_size must be an integer, got 2.5"),
        ({"learning_rate": 0}, "learning_rate must be > 0 and finite, got 0"),
        ({"new_learning_rate": -1}, "new_learning_rate must be > 0 and finite, got -1"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
    ],
)
def test_what_cannot_work_is_said_before_the_first_step(model, monkeypatch, arguments, says):
    monkeypatch.setattr(Classifier, "forward", lambda *_: pytest.fail("it took a step"))
    with pytest.raises(ValueError, match=says):
        fit(**{"texts": TEXTS, "labels": LABELS, "model": model, "progress": False, **arguments})


@pytest.mark.bad_input
def test_questions_that_a_run_cannot_answer_are_refused(model):
    run = quick(model, n_epochs=1)
    with pytest.raises(ValueError, match="labels='cloud' must be one of 'money', 'river'"):
        run.accuracy(TEXTS[:1], ["cloud"])
    with pytest.raises(ValueError, match="texts must be a list of at least one str"):
        run.predict("the bank")
    with pytest.raises(ValueError, match=r"texts\[1\] must be a str, got int"):
        run.predict(["the bank", 3])
    with pytest.raises(ValueError, match="n_labels=1 must be at least 2"):
        Classifier(model[0], 1)
    with pytest.raises(ValueError, match="before and after must be encoders of one config"):
        movement(model[0], load_encoder()[0])
