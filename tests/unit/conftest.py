"""Shared by the unit tests: the hypothesis profiles, one marker, one thread."""

import torch
from hypothesis import settings

# Derandomised: a run that fails here fails everywhere. No deadline: machines differ in speed.
settings.register_profile("incontext", deadline=None, derandomize=True)
settings.register_profile("types", deadline=None, derandomize=True, max_examples=10)


def pytest_configure(config):
    checks_shapes = config.getoption("jaxtyping_packages", None)
    settings.load_profile("types" if checks_shapes else "incontext")
    config.addinivalue_line(
        "markers", "bad_input: checks our own errors; left out when jaxtyping checks first"
    )
    torch.set_num_threads(1)  # the sums come out the same on every machine
