"""Execute chapters side by side: one for each core, before Sphinx reads the first.

Sphinx would execute one after another as it reads them. Here jupyter-cache's own executor fills the
cache first, and each chapter is then read from it. A chapter that fails is left to MyST-NB, which
executes it again and reports the error.
"""

import logging
import multiprocessing
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor
from myst_nb.core.read import is_myst_markdown_notebook
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

logger = getLogger(__name__)

MYST = {"type": "plugin", "name": "myst_nb_md"}


def execute_side_by_side(app: Sphinx, env, docnames: list[str]) -> None:
    """Listener for env-before-read-docs."""
    config = env.mystnb_config
    if config.execution_mode != "cache" or len(docnames) < 2 or multiprocessing.cpu_count() < 2:
        return
    files = [env.doc2path(name) for name in docnames]
    files = [file for file in files if is_myst_markdown_notebook(Path(file).read_text("utf-8"))]
    cache = get_cache(config.execution_cache_path)
    keys = [cache.add_nb_to_project(file, read_data=MYST).pk for file in files]
    quiet = logging.getLogger(f"{__name__}.executor")
    quiet.setLevel(logging.CRITICAL)
    logger.info("executing the chapters that have changed, several at a time ...")
    executor = load_executor("local-parallel", cache, logger=quiet)
    executor.run_and_cache(filter_pks=keys, timeout=config.execution_timeout)


def setup(app: Sphinx) -> None:
    app.connect("env-before-read-docs", execute_side_by_side)
