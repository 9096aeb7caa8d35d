import dataclasses

import pytest

from incontext.config import TransformerConfig

SIZES = {
    "vocab_size": 37,
    "n_positions": 11,
    "d_model": 12,
    "n_heads": 3,
    "d_ff": 29,
    "n_layers": 2,
}


def config(**options):
    return TransformerConfig(**{**SIZES, **options})


def test_it_is_frozen_and_two_of_the_same_are_equal():
    one = config(n_kv_heads=1)
    assert one == config(n_kv_heads=1)
    assert one != config()
    assert hash(one) == hash(config(n_kv_heads=1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.n_heads = 4


def test_the_width_of_a_head():
    assert config().d_k == 4
    assert config(d_model=21).d_k == 7


def test_it_survives_a_journey_through_plain_numbers():
    one = config(positions="rotary", rotary_base=100_000.0, norm_kind="rms", n_kv_heads=3)
    assert TransformerConfig(**dataclasses.asdict(one)) == one


REFUSED = [
    *[({name: 0}, f"{name}=0 must be at least 1") for name in SIZES],
    *[({name: 2.5}, f"{name} must be an integer, got 2.5") for name in SIZES],
    ({"n_heads": 5}, "n_heads=5 does not divide d_model=12"),
    ({"n_kv_heads": 2}, "n_kv_heads=2 does not divide n_heads=3"),
    ({"n_kv_heads": 0}, "n_kv_heads=0 must be at least 1"),
    ({"norm": "middle"}, "norm='middle' must be one of 'pre', 'post'"),
    ({"norm_kind": "batch"}, "norm_kind='batch' must be one of 'layer', 'rms'"),
    ({"activation": "swish"}, "activation='swish' must be one of 'gelu', 'relu', 'swiglu'"),
    ({"positions": "rope"}, "positions='rope' must be one of 'learned', 'sinusoidal', 'rotary'"),
    ({"positions": "sinusoidal", "d_model": 9}, "d_model=9 must be even"),
    ({"positions": "rotary", "d_model": 9}, "d_k=3 must be even"),
    ({"rotary_base": 0}, "rotary_base must be > 0 and finite, got 0"),
    ({"bias": "no"}, "bias='no' must be one of True, False"),
    ({"tied": None}, "tied=None must be one of True, False"),
    ({"scaled": 1.5}, "scaled=1.5 must be one of True, False"),
    ({"residual": None}, "residual=None must be one of True, False"),
    ({"residual": False, "norm": "post"}, "norm='post' must be one of 'pre'"),
    ({"norm_embeddings": 2}, "norm_embeddings=2 must be one of True, False"),
    ({"eps": -1.0}, "eps must be > 0 and finite, got -1.0"),
    ({"n_types": -1}, "n_types=-1 must be at least 0"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        config(**options)
