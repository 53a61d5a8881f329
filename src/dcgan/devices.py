"""Which device to compute on, and what it does natively."""

import ctypes
import sys

import torch

from dcgan.errors import DCGANError

KINDS = ("cpu", "cuda", "mps", "xpu")


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether the chip multiplies bfloat16 in hardware; elsewhere it would be slower."""
    if device.type == "cpu":
        found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "xpu"


def choose_device(name: str) -> torch.device:
    """The device of this name; for "auto" the accelerator if there is one.

    Raises:
        DCGANError: there is no such device here.
    """
    accelerator = (
        torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    )
    if name == "auto":
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        if device.type not in KINDS:
            raise RuntimeError(f"{device.type} is not one of {KINDS}")
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        here = f"cpu, {accelerator.type}" if accelerator else "cpu"
        raise DCGANError(f"There is no `device` {name!r} here. Possible: auto, {here}.") from error
    return device


def choose_own_device(name: str, local_rank: int) -> torch.device:
    """The device of one of several processes on this machine: each has a GPU of its own.

    Args:
        name: as for `choose_device`.
        local_rank: which of the processes this is.

    Raises:
        DCGANError: there is no such device, or none for this process.
    """
    device = choose_device(name)
    if device.type == "cpu":
        return device
    if device.type != "cuda" or device.index is not None:
        raise DCGANError(
            f"`device` ({name}: {device}) cannot be shared by many processes: give cuda, of which "
            "each takes one, or cpu."
        )
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise DCGANError(
            f"This machine has {count} GPU{'s' * (count > 1)}, and more processes than that were "
            f"started on it: start {count} (--nproc-per-node {count}), or give --device cpu."
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a GPU; 0 on devices that do not say it, and on a CPU."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 0


def prefer_speed(device: torch.device) -> None:
    """Lets the device compute as fast as it can at the precision that was asked for.

    On CUDA convolutions are chosen by trial, and float32 is multiplied as TF32; on a CPU freed
    memory is kept.
    """
    if device.type == "cpu":
        keep_freed_memory()
    elif device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")


def keep_freed_memory() -> None:
    """Lets glibc keep the memory that a step frees, for the next step.

    As it is, glibc hands blocks of this size back to the system at once, and every step faults
    them in again, page by page: about a tenth of the time of a step on a CPU. Elsewhere than on
    Linux with glibc nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        # From malloc.h: no block by a mapping of its own, and nothing given back from the heap.
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 64 << 20)):
            mallopt(option, value)


M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
