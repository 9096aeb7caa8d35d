"""Shared by the unit tests: the hypothesis profile, one marker, one thread."""

import torch
from hypothesis import settings

# Derandomised: a run that fails here fails everywhere. No deadline: machines differ in speed.
settings.register_profile("incontext", deadline=None, derandomize=True)
settings.load_profile("incontext")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "bad_input: checks our own errors; left out when jaxtyping checks first"
    )
    torch.set_num_threads(1)  # the sums come out the same on every machine
