"""The two integer forms of the exported matrices, and their inverses.

Both are symmetric. `int8` keeps one scale for each row; `int4` keeps one scale
for each group of `GROUP` columns and packs two columns into a byte.
"""

import torch

GROUP = 32


def int8(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Quantises the rows of `matrix` (rows, columns) to int8 with one f32 scale a row."""
    scale = matrix.abs().amax(dim=1).clamp(min=1e-12) / 127
    return (matrix / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale


def from_int8(quantised: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return quantised.float() * scale[:, None]


def int4(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Quantises `matrix` to bytes (rows, columns / 2) and f16 scales (rows, columns / GROUP).

    The low half of byte `i` is column `2 i`, the high half column `2 i + 1`; a half is the value
    plus 8. Of sixteen candidates for the scale, takes the one with the least squared error, because
    fitting the largest value of a group exactly rarely pays.
    """
    rows, columns = matrix.shape
    groups = matrix.reshape(rows, columns // GROUP, GROUP)
    # The sign of the scale puts the largest magnitude at -8, the longer end.
    extreme = groups.gather(2, groups.abs().argmax(dim=2, keepdim=True))
    best_error = torch.full(extreme.shape, torch.inf)
    best_scale = torch.zeros_like(extreme)
    for step in range(16):
        scale = (extreme / -(6.5 + 0.125 * step)).half().float()
        scale = torch.where(scale == 0, torch.full_like(scale, 1e-7), scale)
        values = (groups / scale).round().clamp(-8, 7)
        error = (values * scale - groups).square().sum(dim=2, keepdim=True)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best_scale = torch.where(better, scale, best_scale)
    values = (groups / best_scale).round().clamp(-8, 7).reshape(rows, columns)
    halves = (values + 8).to(torch.uint8)
    return halves[:, 0::2] | (halves[:, 1::2] << 4), best_scale.squeeze(2).half()


def from_int4(packed: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    rows, half = packed.shape
    values = torch.stack([packed & 15, packed >> 4], dim=2).reshape(rows, 2 * half).float() - 8
    return (values.reshape(rows, -1, GROUP) * scale.float()[:, :, None]).reshape(rows, -1)
