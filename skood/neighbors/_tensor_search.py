"""Exact nearest rows on a device of torch.

The search is that of `ExactSearch`: a product with a bounded rounding error finds candidates, then
their distances are computed in float64 from the given rows. Everything happens on the device.
Queries on the device are not copied. Only the neighbours come to the host.

With half precision both sides of the product are rounded to float16 first. For vectors q and x,
rounded with a relative error of at most u = 2^-11 in each value, and an absolute error of 2^-25
where a value is too small for that,

    |q'·x' - q·x| <= (2u + u²) ‖q‖ ‖x‖ + 2^-25 (1 + u) √d (‖q‖ + ‖x‖) + d 2^-50,

which is added to the error of the product itself. Rounding ‖x‖²/2 and the closeness once each adds
u ‖x‖²/2, u (‖q‖ ‖x‖ + ‖x‖²/2) and twice 2^-25. So there are more candidates, and the same
neighbours. Products and sums are in float32 in any case.

A GPU reads the closeness once, for the largest value of each group of rows; all further steps look
at groups. The rows of a group are far apart in the order of training, so that neighbours, which may
follow each other in that order, fall into different groups.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional
from ..measures.blocks import slices
from ..measures.powers_of_two import power_of_two
from ..rows import TensorRows
from ..rows.place import is_in_tensor, part_of
from ._closeness import rounding_error, safe_length
from ._tensor_best import TensorBest, TensorPairs
from ._tensor_groups import COLUMNS, GroupMaxima
from ._tensor_lengths import scaled_tensor_lengths, tensor_lengths
from ._torch_precision import full_precision

_CUDA_QUERIES, _OTHER_QUERIES = 1 << 14, 1 << 11  # at a time
# Closeness at a time. After each block the GPU waits for the host a few times, so its blocks are
# large: an eighth of the free memory, at most this.
_CUDA_BYTES, _OTHER_BYTES = 1 << 33, 1 << 26
_CUDA_SHARE = 8
_ROW_VALUES = 1 << 25  # training rows in float64 at a time
_MAX_PAIRS = 1 << 22
_TOO_MANY = 64  # times as many candidates as neighbours: then half precision does not pay
_HALF, _HALF_LEAST = 2.0**-11, 2.0**-25
_HALF_LONGEST = 1e4  # of a query, in units of the furthest training row: float16 ends at 65504

Nearest = tuple[NDArray[np.intp], NDArray[np.float64]]


class TensorSearch:
    """Training rows on a device, ready to be searched.

    Rows that are not a tensor on the device are copied to it. They are divided by `norms`, their
    lengths, if these are given. With `half`, candidates are found in half precision.
    """

    def __init__(
        self, rows: Any, norms: NDArray[np.float64] | None, *, device: str, half: bool
    ) -> None:
        self.rows, self.norms = rows, norms
        self.device, self.half = device, half
        self._prepare()

    def _prepare(self) -> None:
        torch = import_optional("torch", "torch", needed_by=f"device={self.device!r}")
        self._tensor = self._to_device(torch, self.rows).tensor
        self._norms = None
        if self.norms is not None:
            self._norms = torch.from_numpy(np.array(self.norms)).to(self.device)
        n, d = self._held.shape
        parts = self._parts()
        self.unit: float = 1.0
        self.centre: Any = 0.0
        largest = max(float(self._centred(part).abs().max()) for part in parts)
        self.unit = float(power_of_two(largest))
        total = torch.zeros(d, dtype=torch.float64, device=self.device)
        for part in parts:
            total += self._centred(part).sum(dim=0)
        self.centre = total / n
        squares = torch.cat([self._centred(part).square().sum(dim=1) for part in parts])
        # From here on in a unit in which all lengths of training rows are at most 1.
        longest = float(power_of_two(float(squares.max()) ** 0.5))
        self.unit, self.centre = self.unit * longest, self.centre / longest
        squares = squares / longest**2
        self.length = float(squares.max()) ** 0.5
        # The last group is filled up with -inf, which is never near.
        self._minus_half_squares = torch.nn.functional.pad(
            (-0.5 * squares).to(torch.float32), (0, -n % COLUMNS), value=-torch.inf
        )
        self._kept = None
        if self.half:
            kept = torch.zeros((n + -n % COLUMNS, d), dtype=torch.float16, device=self.device)
            for part in parts:
                kept[part] = self._centred(part)
            self._kept = kept, self._minus_half_squares.to(torch.float16)
        self._block_bytes = _OTHER_BYTES
        if self._on_cuda:
            free, _ = torch.cuda.mem_get_info(self._tensor.device)
            self._block_bytes = min(_CUDA_BYTES, free // _CUDA_SHARE)

    @property
    def _on_cuda(self) -> bool:
        return self._tensor.device.type == "cuda"

    @property
    def _held(self) -> TensorRows:
        return TensorRows(self._tensor)

    def _to_device(self, torch: Any, rows: Any) -> TensorRows:
        if is_in_tensor(rows):
            return rows.to(self.device)
        kind = getattr(torch, str(rows.dtype))
        tensor = torch.empty(rows.shape, dtype=kind, device=self.device)
        for part in slices(len(rows), _ROW_VALUES, each=rows.shape[1]):
            tensor[part] = torch.from_numpy(np.array(rows[part]))
        return TensorRows(tensor)

    def __getstate__(self) -> dict[str, Any]:
        # The other tensors on the device belong to this process; another process makes them again.
        return {name: getattr(self, name) for name in ("rows", "norms", "device", "half")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def _parts(self) -> list[slice]:
        """Slices of the training rows that are in float64 at a time."""
        n, d = self._held.shape
        return list(slices(n, _ROW_VALUES, each=d))

    def _centred(self, part: slice) -> Any:
        """Training rows minus the centre, in float64 and in the unit."""
        block = self._held.on_device(part).double()
        if self._norms is not None:
            block = block / self._norms[part, None]
        return block / self.unit - self.centre

    def search(
        self,
        Q: TensorRows | NDArray,
        k: int,
        *,
        q_norms: NDArray[np.float64] | None = None,
        exclude: NDArray[np.intp] | None = None,
    ) -> Nearest:
        """Indices and distances of the k nearest rows of each row of Q, on the host.

        `exclude` has the position of a training row to leave out for each query, -1 for none.
        """
        torch = import_optional("torch", "torch")
        left_out = exclude is not None and bool((exclude >= 0).any())
        answers = []
        for part in slices(len(Q), _CUDA_QUERIES if self._on_cuda else _OTHER_QUERIES):
            rows = part_of(Q, part)
            queries = self._to_device(torch, rows).on_device(slice(None)).double()
            if q_norms is not None:
                lengths = torch.from_numpy(np.array(q_norms[part])).to(self.device)
                queries = queries / lengths[:, None]
            answers.append(self._search_block(torch, queries, k + left_out))
        indices, distances = map(np.concatenate, zip(*answers, strict=True))
        if not left_out:
            return indices, distances
        keep = indices != np.asarray(exclude)[:, np.newaxis]
        keep[keep.all(axis=1), -1] = False  # the row left out is not among the nearest
        return indices[keep].reshape(-1, k), distances[keep].reshape(-1, k)

    def _search_block(self, torch: Any, queries: Any, k: int) -> Nearest:
        best = TensorBest(self._held, self._norms, queries, k)
        centred = queries / self.unit - self.centre
        lengths = tensor_lengths(centred)
        limit = safe_length(self.length, np.dtype(np.float32))
        safe = lengths < (min(limit, _HALF_LONGEST) if self._kept is not None else limit)
        rows = safe.nonzero()[:, 0]
        if len(rows):
            self._by_product(torch, centred[rows], lengths[rows], rows, best)
        for row in (~safe).nonzero()[:, 0]:
            for part in self._parts():
                others = torch.arange(part.start, part.stop, device=self.device)
                best.add(row.expand(len(others)), others)
        return best.on_host()

    def _by_product(self, torch: Any, centred: Any, lengths: Any, rows: Any, best: Any) -> None:
        half = self._kept is not None
        left = centred.to(torch.float16 if half else torch.float32)
        margin = self._error(lengths, half=half).to(torch.float32)[:, None]
        columns = self._block_bytes // (left.itemsize * len(left))
        if not half:  # centred for each block, in float64
            columns = min(columns, max(1, _ROW_VALUES // self._held.shape[1]))
        columns = max(1, columns // COLUMNS) * COLUMNS
        kth = torch.full((len(left), best.k), -torch.inf, device=self.device)
        pairs = TensorPairs(torch, self.device)
        for part in slices(len(self._held), columns):
            maxima = GroupMaxima(self._closeness(torch, left, part))
            kth = torch.cat([kth, maxima.lower_bounds(best.k) - margin], dim=1)
            kth = kth.topk(best.k, dim=1).values
            for q_rows, x_rows, values in maxima.at_least(kth[:, -1:] - margin):
                pairs.extend(q_rows, part.start + x_rows, values)
                if len(pairs) > _MAX_PAIRS:
                    pairs.drop(kth[:, -1] - margin[:, 0])
                    if len(pairs) > _MAX_PAIRS // 2:  # many ties: only their distances differ
                        best.add(rows[pairs.q_rows], pairs.x_rows)
                        pairs = TensorPairs(torch, self.device)
            del maxima  # before the next block takes as much memory
        pairs.drop(kth[:, -1] - margin[:, 0])
        if half and len(pairs) > _TOO_MANY * best.k * len(left):
            self._kept, self.half = None, False
        best.add(rows[pairs.q_rows], pairs.x_rows)

    def _error(self, lengths: Any, *, half: bool) -> Any:
        """Bound of the error of a query's closeness to any training row."""
        d, longest = self._held.shape[1], self.length
        relative = rounding_error(d, np.dtype(np.float32))
        error = relative * (lengths * longest + longest**2)
        if not half:
            return error
        error = error + _HALF * (2 + _HALF) * (1 + relative) * lengths * longest
        error = error + 2 * _HALF_LEAST * d**0.5 * (lengths + longest) + d * _HALF_LEAST**2
        error = error + _HALF * longest**2 / 2 + _HALF_LEAST
        return (1 + _HALF) * error + _HALF * (lengths * longest + longest**2 / 2) + _HALF_LEAST

    def _closeness(self, torch: Any, left: Any, part: slice) -> Any:
        """Closeness of queries to training rows, filled up to whole groups by -inf."""
        filled = slice(part.start, part.stop + (part.start - part.stop) % COLUMNS)
        if self._kept is None:
            right = self._centred(part).float()
            right = torch.nn.functional.pad(right, (0, 0, 0, -len(right) % COLUMNS))
            plus = self._minus_half_squares[filled]
        else:
            right, plus = (kept[filled] for kept in self._kept)
            if not self._on_cuda:  # the same numbers, but slower
                left, right, plus = left.float(), right.float(), plus.float()
        with full_precision(torch):
            return torch.addmm(plus, left, right.T)


def tensor_norms(rows: TensorRows) -> NDArray[np.float64]:
    """Length of each row, also where squares overflow or vanish: a float64 array on the host."""
    norms = [
        scaled_tensor_lengths(rows.on_device(part).double())
        for part in slices(len(rows), _ROW_VALUES, each=rows.shape[1])
    ]
    return np.concatenate([part.cpu().numpy() for part in norms])
