import math

import pytest
import torch

from incontext import checks

MASK = "True = may attend"


def test_what_fits_passes_in_silence():
    checks.positive("temperature", 0.5)
    checks.positive("temperature", 2)
    checks.positive("temperature", torch.tensor([0.5, 2.0]))
    checks.finite("scale", -1.5)
    checks.whole("n_layers", 1)
    checks.whole("n_types", 0, minimum=0)
    checks.even("d_model", 384)
    checks.divides("n_heads", 12, "d_model", 384)
    checks.one_of("norm", "pre", ("pre", "post"))
    checks.one_of("positions", None, ("learned", None))
    checks.floating("x", torch.zeros(3, dtype=torch.bfloat16))
    checks.boolean("mask", torch.ones(3, dtype=torch.bool), MASK)
    checks.indices("ids", torch.tensor([0, 6]), "vocab_size", 7)
    checks.indices("ids", torch.tensor([], dtype=torch.int32), "vocab_size", 7)
    checks.axes("ids", torch.zeros(2, 3), "B T")
    checks.axes("x", torch.zeros(2, 3), "... T C")
    checks.axes("x", torch.zeros(2, 3, 5), "... T C")
    checks.axes("head_mask", torch.zeros(3), "H")
    checks.size("key", torch.zeros(5, 7), -1, "d_k", 7)
    checks.distributions("weights", torch.tensor([[0.25, 0.75], [1.004, 0.0]]))
    checks.distributions("weights", torch.randn(3, 5, 97).softmax(-1).to(torch.bfloat16))
    checks.broadcasts("mask", (5, 7), (2, 3, 5, 7), "... T S")
    checks.broadcasts("mask", (2, 1, 1, 7), (2, 3, 5, 7), "... T S")


REFUSED = [
    (checks.positive, ("temperature", 0.0), "temperature must be > 0 and finite, got 0.0"),
    (checks.positive, ("temperature", -1), "temperature must be > 0 and finite, got -1"),
    (checks.positive, ("temperature", math.inf), "temperature must be > 0 and finite, got inf"),
    (checks.positive, ("temperature", math.nan), "temperature must be > 0 and finite, got nan"),
    (checks.positive, ("temperature", "hot"), "temperature must be a number, got 'hot'"),
    (checks.positive, ("temperature", True), "temperature must be a number, got True"),
    (
        checks.positive,
        ("temperature", torch.tensor([2.0, 0.0])),
        "temperature must be > 0 and finite, got values from 0.0 to 2.0",
    ),
    (checks.finite, ("scale", math.inf), "scale must be finite, got inf"),
    (checks.finite, ("scale", None), "scale must be a number, got None"),
    (checks.whole, ("n_layers", 0), "n_layers=0 must be at least 1"),
    (checks.whole, ("n_types", -1, 0), "n_types=-1 must be at least 0"),
    (checks.whole, ("n_layers", 2.0), "n_layers must be an integer, got 2.0"),
    (checks.whole, ("n_layers", True), "n_layers must be an integer, got True"),
    (checks.even, ("d_model", 7), "d_model=7 must be even"),
    (checks.even, ("d_model", 0), "d_model=0 must be at least 1"),
    (checks.divides, ("n_heads", 5, "d_model", 64), "n_heads=5 does not divide d_model=64"),
    (checks.divides, ("n_heads", 0, "d_model", 64), "n_heads=0 must be at least 1"),
    (
        checks.one_of,
        ("norm", "both", ("pre", "post")),
        "norm='both' must be one of 'pre', 'post'",
    ),
    (
        checks.floating,
        ("scores", torch.tensor([2, 4, 1])),
        "scores must hold floating-point numbers, got torch.int64",
    ),
    (checks.floating, ("scores", [2.0, 4.0]), "scores must be a torch.Tensor, got list"),
    (
        checks.boolean,
        ("mask", torch.ones(3), MASK),
        "mask must be boolean (True = may attend), got torch.float32",
    ),
    (
        checks.indices,
        ("ids", torch.tensor([1, 7]), "vocab_size", 7),
        "ids must lie in 0 ≤ ids < vocab_size=7, got 7",
    ),
    (
        checks.indices,
        ("ids", torch.tensor([-1, 3]), "vocab_size", 7),
        "ids must lie in 0 ≤ ids < vocab_size=7, got -1",
    ),
    (
        checks.indices,
        ("ids", torch.tensor([1.0]), "vocab_size", 7),
        "ids must be int64 or int32, got torch.float32",
    ),
    (
        checks.axes,
        ("ids", torch.zeros(5), "B T"),
        "ids must have axes [B, T], got shape (5,)",
    ),
    (
        checks.axes,
        ("ids", torch.zeros(2, 3, 5), "B T"),
        "ids must have axes [B, T], got shape (2, 3, 5)",
    ),
    (
        checks.axes,
        ("query", torch.zeros(5), "... T D"),
        "query must have axes [..., T, D], got shape (5,)",
    ),
    (checks.axes, ("ids", [[1]], "B T"), "ids must be a torch.Tensor, got list"),
    (
        checks.size,
        ("key", torch.zeros(5, 11), -1, "d_k", 7),
        "key must have d_k=7 along axis -1, got 11 in shape (5, 11)",
    ),
    (
        checks.distributions,
        ("weights", torch.tensor([[2.0, 4.0], [0.5, 0.5]])),
        "weights must be a distribution over keys in each row (not negative, sum 1), got numbers"
        " from 0.5 and sums from 1 to 6; if these are scores, take their softmax first",
    ),
    (
        checks.distributions,  # each row sums to 1
        ("weights", torch.tensor([[-0.5, 1.5]])),
        "weights must be a distribution over keys in each row (not negative, sum 1), got numbers"
        " from -0.5 and sums from 1 to 1; if these are scores, take their softmax first",
    ),
    (
        checks.distributions,
        ("weights", torch.tensor([[math.nan, 1.0]])),
        "weights must be a distribution over keys in each row (not negative, sum 1), got numbers"
        " from nan and sums from nan to nan; if these are scores, take their softmax first",
    ),
    (
        checks.distributions,
        ("weights", torch.tensor([[0, 1]])),
        "weights must hold floating-point numbers, got torch.int64",
    ),
    (
        checks.broadcasts,
        ("mask", (5, 11), (2, 5, 7), "... T S"),
        "mask must broadcast to [..., T, S] = (2, 5, 7), got shape (5, 11)",
    ),
    (
        checks.broadcasts,  # it would stretch the target instead
        ("mask", (3, 5, 7), (1, 5, 7), "... T S"),
        "mask must broadcast to [..., T, S] = (1, 5, 7), got shape (3, 5, 7)",
    ),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("check", "arguments", "message"), REFUSED)
def test_what_does_not_fit_is_named(check, arguments, message):
    with pytest.raises(ValueError) as raised:
        check(*arguments)
    assert str(raised.value) == message
