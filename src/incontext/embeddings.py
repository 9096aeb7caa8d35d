"""How can words be numbers, so that words close in meaning are close as numbers?

Each of V tokens has a row in a table, a vector of C numbers. The cosine of the angle between two
vectors says how similar they are, and some relations are directions:

    cos(a, b) = a · b / (|a| |b|)            king − man + woman ≈ queen

Mikolov et al. (2013), "Linguistic Regularities in Continuous Space Word Representations",
section 4 (analogies; they scale every vector to length 1 before adding, we add the rows as they
are in the table).

Axes: ``V`` rows of the table (vocabulary), ``C`` d_model.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from incontext import checks


def lookup(
    ids: Integer[Tensor, "*batch"], table: Float[Tensor, "V C"]
) -> Float[Tensor, "*batch C"]:
    """The rows of the table: token i is row i, the same as one_hot(ids) @ table.

    ids: 0 ≤ id < V, int64 or int32. (A plain ``table[ids]`` would accept a negative id and count
        from the end.)
    """
    _check_table(table)
    checks.indices("ids", ids, "V", table.shape[0])
    return table[ids]


def cosine_similarity(
    a: Float[Tensor, "*#batch C"], b: Float[Tensor, "*#batch C"]
) -> Float[Tensor, "*#batch"]:
    """The cosine of the angle between vectors along the last axis, from −1 to 1.

    All axes but the last broadcast: ``cosine_similarity(x[:, None], x[None, :])`` is the matrix of
    all pairs of rows. Lengths do not matter, however large or small they are.

    Raises ``ValueError`` for a vector of zeros, which has no direction, and for NaN or infinity.
    """
    for name, vectors in (("a", a), ("b", b)):
        checks.floating(name, vectors)
        checks.axes(name, vectors, "... C")
    checks.size("b", b, -1, "d_model", a.shape[-1])
    try:
        torch.broadcast_shapes(a.shape, b.shape)
    except RuntimeError:
        raise ValueError(
            "a and b must broadcast in the axes before the last, "
            f"got shapes {tuple(a.shape)} and {tuple(b.shape)}"
        ) from None
    return (_directions("a", a) * _directions("b", b)).sum(-1)


def nearest(
    query: Float[Tensor, "*batch C"],
    table: Float[Tensor, "V C"],
    k: int = 5,
    exclude: Iterable[int] | Integer[Tensor, " n"] = (),
) -> tuple[Float[Tensor, "*batch k"], Integer[Tensor, "*batch k"]]:
    """The k rows of the table most similar to the query: cosines, largest first, and row indices.

    exclude: rows that must not be an answer, such as the query's own row. A row of zeros has no
        direction and has to be one of them.

    Raises ``ValueError`` if fewer than k rows are left.
    """
    _check_table(table)
    checks.floating("query", query)
    checks.axes("query", query, "... C")
    checks.size("query", query, -1, "d_model", table.shape[1])
    checks.whole("k", k)
    allowed = torch.ones(table.shape[0], dtype=torch.bool, device=table.device)
    allowed[_rows("exclude", exclude, table)] = False
    n_allowed = int(allowed.sum())
    if k > n_allowed:
        raise ValueError(
            f"k={k} must be at most the {n_allowed} rows of the table that are not excluded"
        )
    cosines = _cosines(_directions("query", query), table, allowed)
    values, rows = cosines.masked_fill(~allowed, -torch.inf).topk(k)
    return values, rows


def analogy(
    table: Float[Tensor, "V C"],
    a: int,
    b: int,
    c: int,
    k: int = 5,
    exclude_inputs: bool = True,
    *,
    exclude: Iterable[int] | Integer[Tensor, " n"] = (),
) -> tuple[Float[Tensor, " k"], Integer[Tensor, " k"]]:
    """The k rows nearest to a − b + c: "b is to a as c is to …".

    a, b, c: row indices, king, man and woman for king − man + woman.
    exclude_inputs: whether the three rows themselves are ruled out as answers. Published results
        leave them out; otherwise the nearest row is usually one of the three.
    exclude: further rows that must not be an answer, see ``nearest``.
    """
    _check_table(table)
    rows = torch.cat([_rows(name, (row,), table) for name, row in (("a", a), ("b", b), ("c", c))])
    excluded = _rows("exclude", exclude, table)
    if exclude_inputs:
        excluded = torch.cat([excluded, rows])
    row_a, row_b, row_c = table[rows]
    return nearest(row_a - row_b + row_c, table, k, excluded)


def _directions(name: str, vectors: Tensor, rows: Tensor | None = None) -> Tensor:
    """The vectors scaled to length 1; dividing by the largest entry first prevents overflow."""
    largest = vectors.detach().abs().amax(-1, keepdim=True)
    wrong = ~((largest > 0) & largest.isfinite()).squeeze(-1)
    if wrong.any():
        place = wrong.nonzero()[0].tolist()
        if rows is not None:
            place = [int(rows[place[0]])]
        where = f" at {place[0] if len(place) == 1 else tuple(place)}" if place else ""
        if largest[wrong][0] == 0:
            hint = "; put that row in exclude" if rows is not None else ""
            raise ValueError(f"{name} has a vector of zeros{where}: it has no direction{hint}")
        raise ValueError(f"{name} must be finite, got NaN or infinity in the vector{where}")
    scaled = vectors / largest
    return scaled / scaled.norm(dim=-1, keepdim=True)


def _cosines(
    directions: Float[Tensor, "*batch C"], table: Float[Tensor, "V C"], allowed: Bool[Tensor, " V"]
) -> Float[Tensor, "*batch V"]:
    """Cosine with every row of the table, without making a scaled copy of it."""
    lengths = table.norm(dim=-1)
    limits = torch.finfo(table.dtype)
    plain = (lengths > limits.tiny**0.25) & (lengths < limits.max**0.25)  # squares are safe
    cosines = directions @ table.T / lengths.masked_fill(~plain, 1.0)
    extreme = (~plain & allowed).nonzero().squeeze(-1)
    if len(extreme):
        rest = _directions("table", table[extreme], extreme)
        cosines = cosines.index_copy(-1, extreme, directions @ rest.T)
    return cosines


def _rows(name: str, rows: Iterable[int] | Tensor, table: Tensor) -> Tensor:
    """Row indices of the table as a tensor, checked."""
    if not isinstance(rows, Tensor):
        rows = list(rows)
        for row in rows:
            checks.whole(name, row, minimum=0)
        rows = torch.tensor(rows, dtype=torch.int64)
    checks.axes(name, rows, "n")
    checks.indices(name, rows, "V", table.shape[0])
    return rows.to(table.device)


def _check_table(table: Tensor) -> None:
    checks.floating("table", table)
    checks.axes("table", table, "V C")
