"""Products with a table of features that is read in parts, as it may not fit into memory."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Table: TypeAlias = NDArray[np.floating]
"""(N, D) features, in memory or mapped from a file. Every row also has a constant feature 1, which
stands nowhere. Products are computed in float64 if the table is float64, else in float32."""
PASS = 1_024
"""Rows or columns that are read at once."""


def kind_of(table: Table) -> torch.dtype:
    """The type that products with a table are computed in."""
    return torch.float64 if table.dtype == np.float64 else torch.float32


def rows_of(table: Table, rows: slice | NDArray[np.int64], device: torch.device) -> Tensor:
    """Some rows, to compute on."""
    part = table[rows]
    if not part.flags.writeable or min(part.strides) < 0:
        part = part.copy()  # PyTorch takes neither
    return torch.from_numpy(part).to(device, kind_of(table))


def passes(count: int) -> Iterator[slice]:
    """Slices that make up a range."""
    return (slice(start, min(start + PASS, count)) for start in range(0, count, PASS))


def outputs_of(table: Table, weights: Tensor) -> Tensor:
    """The rows times weights (D + 1, K), the last for the constant feature: (N, K).

    It is computed in the weights' own type.
    """
    found = weights.new_empty(len(table), weights.shape[1])
    for rows in passes(len(table)):
        part = rows_of(table, rows, weights.device).to(weights)
        torch.addmm(weights[-1], part, weights[:-1], out=found[rows])
    return found


def weights_of(table: Table, duals: Tensor) -> Tensor:
    """The sum of the rows times their duals (N, K): (D + 1, K) float64."""
    shape = table.shape[1] + 1, duals.shape[1]
    sums = torch.zeros(shape, dtype=torch.float64, device=duals.device)
    for rows in passes(len(table)):
        part = rows_of(table, rows, duals.device)
        sums[:-1] += part.T @ duals[rows].to(part)
    sums[-1] = duals.sum(0)
    return sums


def products_of(table: Table, device: torch.device) -> Tensor:
    """The products of all rows with each other: (N, N) float64."""
    count, columns = table.shape
    sums = torch.ones(count, count, dtype=torch.float64, device=device)
    # Over few columns at a time, as float32 loses digits in long sums.
    for start in range(0, columns, PASS):
        part = rows_of(table[:, start : start + PASS], slice(None), device)
        sums += part @ part.T
    return sums


def weighted_products(table: Table, factors: Tensor) -> Tensor:
    """The products of all columns with each other, rows by factors (N,): (D + 1, D + 1) float64."""
    columns = table.shape[1]
    sums = torch.zeros(columns + 1, columns + 1, dtype=torch.float64, device=factors.device)
    for rows in passes(len(table)):
        part = rows_of(table, rows, factors.device)
        weighted = part * factors[rows, None].to(part)
        sums[:-1, :-1] += part.T @ weighted
        sums[:-1, -1] += weighted.sum(0)
    sums[-1, :-1], sums[-1, -1] = sums[:-1, -1], factors.sum()
    return sums
