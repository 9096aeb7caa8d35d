"""Checks for the exercises of the chapters: each says what is wrong, and true when nothing is.

One file for each chapter; `checking.py` holds what they share.
"""

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict
from .clinic import (
    check_mended_attention,
    check_mended_loss,
    check_mended_positions,
    check_own_test,
)
from .contextual_embeddings import (
    check_mixture,
    check_own_senses,
    check_removal,
    check_two_words,
)
from .fine_tuning import (
    check_frozen_step,
    check_mended_batches,
    check_own_task,
    check_pool,
)
from .keeping import keep, not_kept_yet, start_my_transformer
from .learning import check_descent, check_mended, check_new_word, check_skip_gram_loss
from .multi_head_attention import (
    check_head_parameters,
    check_multi_head,
    check_split_heads,
    check_two_ahead,
)
from .positional_encoding import (
    check_add_positions,
    check_alibi,
    check_alibi_distance,
    check_rotate,
    check_shift,
    check_sinusoids,
)
from .real_models import run_decoder_on, run_encoder_on
from .scaling import (
    check_log_log_slope,
    check_scaled_scores,
    check_undivided_sentence,
    check_undoing_temperature,
    check_uniform_spread,
)
from .self_attention import check_attention, check_causal_weights, check_listener, check_love
from .softmax_temperature import (
    check_cooled_head,
    check_dilution_margin,
    check_entropy,
    check_softmax,
)
from .static_embeddings import (
    check_analogy,
    check_cosine,
    check_nearest,
    check_own_direction,
)
from .training import (
    check_answer_loss,
    check_every_word_loss,
    check_own_family,
    check_sampler,
    check_training_step,
    train_with,
)
from .variations import check_cache_bytes, check_causal_blocks, check_own_sink, check_window
from .what_heads_do import (
    check_hand_score,
    check_induction_target,
    check_own_claim,
    check_pattern_score,
)

__all__ = [
    "FunctionCheck",
    "Mistake",
    "ValueCheck",
    "Verdict",
    "check_add_positions",
    "check_alibi",
    "check_alibi_distance",
    "check_analogy",
    "check_answer_loss",
    "check_attention",
    "check_cache_bytes",
    "check_causal_blocks",
    "check_causal_weights",
    "check_cooled_head",
    "check_cosine",
    "check_descent",
    "check_dilution_margin",
    "check_entropy",
    "check_every_word_loss",
    "check_frozen_step",
    "check_hand_score",
    "check_head_parameters",
    "check_induction_target",
    "check_listener",
    "check_log_log_slope",
    "check_love",
    "check_mended",
    "check_mended_attention",
    "check_mended_batches",
    "check_mended_loss",
    "check_mended_positions",
    "check_mixture",
    "check_multi_head",
    "check_nearest",
    "check_new_word",
    "check_own_claim",
    "check_own_direction",
    "check_own_family",
    "check_own_senses",
    "check_own_sink",
    "check_own_task",
    "check_own_test",
    "check_pattern_score",
    "check_pool",
    "check_removal",
    "check_rotate",
    "check_sampler",
    "check_scaled_scores",
    "check_shift",
    "check_sinusoids",
    "check_skip_gram_loss",
    "check_softmax",
    "check_split_heads",
    "check_training_step",
    "check_two_ahead",
    "check_two_words",
    "check_undivided_sentence",
    "check_undoing_temperature",
    "check_uniform_spread",
    "check_window",
    "keep",
    "not_kept_yet",
    "run_decoder_on",
    "run_encoder_on",
    "start_my_transformer",
    "train_with",
]
