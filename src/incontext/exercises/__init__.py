"""Checks for the exercises of the chapters: each says what is wrong, and true when nothing is.

One file for each chapter; `checking.py` holds what they share.
"""

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict
from .clinic import (
    check_fixed_attention,
    check_fixed_heads,
    check_fixed_positions,
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
    check_own_head,
    check_shared_heads,
)
from .positional_encoding import (
    check_add_positions,
    check_own_order,
    check_sinusoids,
    check_unevenness,
)
from .reading_attention import check_hidden, check_own_map, check_rho, check_rollout
from .real_models import run_decoder_on, run_encoder_on
from .relative_positions import (
    check_alibi,
    check_alibi_distance,
    check_head_by_offset,
    check_order,
    check_rotary_attention,
    check_rotate,
)
from .scaling import (
    check_scaled_scores,
    check_survivors,
    check_uniform_spread,
    check_variance,
)
from .self_attention import check_attention, check_love, check_openings
from .softmax_temperature import (
    check_dilution_margin,
    check_masked_softmax,
    check_prompts,
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
from .transformer_block import (
    check_block,
    check_block_parameters,
    check_layer_norm,
    check_own_decision,
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
    "check_block",
    "check_block_parameters",
    "check_cache_bytes",
    "check_causal_blocks",
    "check_cosine",
    "check_descent",
    "check_dilution_margin",
    "check_every_word_loss",
    "check_fixed_attention",
    "check_fixed_heads",
    "check_fixed_positions",
    "check_frozen_step",
    "check_hand_score",
    "check_head_by_offset",
    "check_head_parameters",
    "check_hidden",
    "check_induction_target",
    "check_layer_norm",
    "check_love",
    "check_masked_softmax",
    "check_mended",
    "check_mended_batches",
    "check_mixture",
    "check_multi_head",
    "check_nearest",
    "check_new_word",
    "check_openings",
    "check_order",
    "check_own_claim",
    "check_own_decision",
    "check_own_direction",
    "check_own_family",
    "check_own_head",
    "check_own_map",
    "check_own_order",
    "check_own_senses",
    "check_own_sink",
    "check_own_task",
    "check_own_test",
    "check_pattern_score",
    "check_pool",
    "check_prompts",
    "check_removal",
    "check_rho",
    "check_rollout",
    "check_rotary_attention",
    "check_rotate",
    "check_sampler",
    "check_scaled_scores",
    "check_shared_heads",
    "check_sinusoids",
    "check_skip_gram_loss",
    "check_softmax",
    "check_survivors",
    "check_training_step",
    "check_two_words",
    "check_unevenness",
    "check_uniform_spread",
    "check_variance",
    "check_window",
    "keep",
    "not_kept_yet",
    "run_decoder_on",
    "run_encoder_on",
    "start_my_transformer",
    "train_with",
]
