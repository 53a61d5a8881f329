"""Which way to the minimum of the L2-SVM: Newton's method, or block by block."""

import torch

from dcgan.devices import choose_device
from dcgan.errors import DCGANError, did_you_mean
from dcgan.features.allowed import require_positive, require_whole
from dcgan.features.blocks import BlockSolver
from dcgan.features.newton import ColumnSolver, RowSolver
from dcgan.features.objective import Solver
from dcgan.features.tables import Table

FEW_ROWS, FEW_COLUMNS = {"cpu": 1_536, "cuda": 4_096}, 1_024
"""Up to so many of either Newton's method is taken; a GPU is quick at its matrices."""
SOLVERS = ("auto", "rows", "columns", "blocks")


def solver_for(table: Table, name: str, tolerance: float, most: int, device: str) -> Solver:
    """The solver of this name; for "auto" the one that suits the table's shape.

    Args:
        table: the rows.
        name: rows, columns, blocks or auto.
        tolerance: the gap at which blocks end.
        most: passes over all blocks at most.
        device: cpu, cuda, mps or xpu; auto: the best there is.

    Raises:
        DCGANError: there is no such solver or device, or a number is not allowed.
    """
    chosen = solving_device(device)
    if name not in SOLVERS:
        raise DCGANError(f"There is no `solver` {name!r}. {did_you_mean(name, SOLVERS)}")
    require_positive("tol", tolerance)
    require_whole("max_iter", most)
    name = suited(len(table), table.shape[1], chosen) if name == "auto" else name
    if name == "rows":
        return RowSolver(table, chosen)
    if name == "columns":
        return ColumnSolver(table, chosen)
    return BlockSolver(table, chosen, tolerance, most)


def suited(rows: int, columns: int, device: torch.device) -> str:
    """The name of the solver for a table of this shape."""
    few_rows = FEW_ROWS.get(device.type, FEW_ROWS["cpu"])
    if rows <= few_rows and (rows <= columns or columns > FEW_COLUMNS):
        return "rows"
    return "columns" if columns <= FEW_COLUMNS else "blocks"


def solving_device(name: str) -> torch.device:
    """The device of this name, or the CPU where that has no float64.

    Raises:
        DCGANError: there is no such device here.
    """
    chosen = choose_device(name)
    return torch.device("cpu") if chosen.type == "mps" else chosen
