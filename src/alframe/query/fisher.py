"""The trace of F M^-1 for Fisher information matrices of a last layer, as samples join M or leave it.

A sample's Fisher information is X^T X with X = A (x) h: A is (R, G) and h are the features. When a sample
joins or leaves, M^-1 changes by a matrix of rank R (Woodbury). With it change S = X M^-1 X^T and
Q = X M^-1 F M^-1 X^T of every other sample, which say by how much the trace would change.

Axes: P the samples, R the rows of a sample's factor, G the groups of parameters (the classes, or one), D the
features, K = G * D the parameters.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ROWS = 2**14  # samples whose products are in memory at once


class Samples(NamedTuple):
    """Samples with information X^T X, X = A (x) h: A is `factor_PRG`, (P, R, G), and h is `features_PD`."""

    factor_PRG: Tensor
    features_PD: Tensor

    def at(self, rows: Tensor | slice) -> "Samples":
        """Return some of the samples, by int64 positions or a slice."""
        return Samples(self.factor_PRG[rows], self.features_PD[rows])

    def split(self) -> "list[Samples]":
        """Return the samples in parts of at most ROWS."""
        return [self.at(slice(start, start + ROWS)) for start in range(0, len(self.features_PD), ROWS)]

    def double(self) -> "Samples":
        """Return the samples in float64."""
        return Samples(self.factor_PRG.double(), self.features_PD.double())


class Forms(NamedTuple):
    """S and Q of each sample, both (P, R, R) float64."""

    inverse_PRR: Tensor
    risk_PRR: Tensor

    def change(self, sign: int) -> Tensor:
        """Return (P,) float64, how much the trace falls if a sample joins (1) or rises if it leaves (-1)."""
        inner_PRR = sign * self.inverse_PRR
        if inner_PRR.shape[1] == 1:
            return (self.risk_PRR / (1 + inner_PRR).clamp_min(1e-15)).flatten()
        inner_PRR = inner_PRR + torch.eye(inner_PRR.shape[1], dtype=inner_PRR.dtype, device=inner_PRR.device)
        solved_PRR = torch.linalg.solve_ex(inner_PRR, self.risk_PRR).result
        return solved_PRR.diagonal(dim1=1, dim2=2).sum(dim=1).nan_to_num()


class Update(NamedTuple):
    """The change of M^-1 by one sample: W, V, N, T of `Trace.update`."""

    moved_KR: Tensor
    risk_KR: Tensor
    inner_RR: Tensor
    middle_RR: Tensor


def information(samples: Samples, weight: float) -> Tensor:
    """Return (K, K) float64, `weight` times the sum of the samples' Fisher information."""
    n_groups, n_features = samples.factor_PRG.shape[2], samples.features_PD.shape[1]
    total = torch.zeros(n_groups, n_features, n_groups, n_features, dtype=torch.float64)
    total = total.to(samples.features_PD.device)
    for part in samples.split():
        pairs_PGG = part.factor_PRG.mT @ part.factor_PRG
        for g in range(n_groups):
            for h in range(g + 1):
                weighted_PD = part.features_PD * pairs_PGG[:, g, h, None]
                total[g, :, h] += weighted_PD.T @ part.features_PD
    for g in range(n_groups):
        for h in range(g):
            total[h, :, g] = total[g, :, h].T
    return total.flatten(2).flatten(0, 1) * weight


def quadratic(samples: Samples, matrix_KK: Tensor) -> Tensor:
    """Return (P, R, R) float64, X M X^T of each sample for a symmetric matrix M."""
    n_groups, n_features = samples.factor_PRG.shape[2], samples.features_PD.shape[1]
    blocks = matrix_KK.to(samples.features_PD.dtype).view(n_groups, n_features, n_groups, n_features)
    forms = []
    for part in samples.split():
        form_PGG = part.factor_PRG.new_empty(len(part.features_PD), n_groups, n_groups)
        for g in range(n_groups):
            for h in range(g + 1):
                form_P = ((part.features_PD @ blocks[g, :, h]) * part.features_PD).sum(dim=1)
                form_PGG[:, g, h] = form_PGG[:, h, g] = form_P
        forms.append((part.factor_PRG @ form_PGG @ part.factor_PRG.mT).double())
    return torch.cat(forms)


def products(samples: Samples, matrix_KS: Tensor) -> Tensor:
    """Return (P, R, S) float64, X times a matrix for each sample."""
    n_groups, n_features = samples.factor_PRG.shape[2], samples.features_PD.shape[1]
    by_feature = matrix_KS.to(samples.features_PD.dtype).view(n_groups, n_features, -1).transpose(0, 1)
    moved_PGS = (samples.features_PD @ by_feature.flatten(1)).view(len(samples.features_PD), n_groups, -1)
    return _times(samples.factor_PRG, moved_PGS).double()


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Return a @ b; thousands of matrices of one row and column are multiplied faster as numbers."""
    return a * b if a.shape[-1] == 1 else a @ b


class Trace:
    """M^-1 and F, of which tr(F M^-1) is wanted."""

    def __init__(self, start_KK: Tensor, fisher_KK: Tensor) -> None:
        """Take M at the start and F, both (K, K) float64, symmetric and positive definite."""
        self.inverse_KK = torch.cholesky_inverse(torch.linalg.cholesky(start_KK))
        self._fisher_KK = fisher_KK

    def forms(self, samples: Samples) -> Forms:
        """Return S and Q of the samples."""
        risk_KK = self.inverse_KK @ self._fisher_KK @ self.inverse_KK
        return Forms(quadratic(samples, self.inverse_KK), quadratic(samples, risk_KK))

    def update(self, sample: Samples, sign: int) -> Update:
        """Let one sample join M (sign 1) or leave it (-1).

        M^-1 becomes M^-1 - W N W^T with W = M^-1 X^T and N = (X W + sign * I)^-1. The other parts of the
        result are V = M^-1 F W and T = W^T F W.
        """
        x_RK = (sample.factor_PRG[0, :, :, None] * sample.features_PD[0]).flatten(1).double()
        moved_KR = self.inverse_KK @ x_RK.T
        signed_RR = sign * torch.eye(len(x_RK), dtype=torch.float64, device=x_RK.device)
        inner_RR = torch.linalg.pinv(x_RK @ moved_KR + signed_RR, hermitian=True)
        fisher_KR = self._fisher_KK @ moved_KR
        risk_KR = self.inverse_KK @ fisher_KR
        self.inverse_KK.addmm_(moved_KR @ inner_RR, moved_KR.T, alpha=-1)
        return Update(moved_KR, risk_KR, inner_RR, moved_KR.T @ fisher_KR)


def updated(forms: Forms, samples: Samples, updates: Sequence[Update]) -> Forms:
    """Return S and Q of the samples after updates of M, from one product for all of them."""
    parts, start = [], 0
    both = torch.cat([torch.cat([each.moved_KR, each.risk_KR], dim=1) for each in updates], dim=1)
    change = _changed_numbers if samples.factor_PRG.shape[1] == 1 else _changed_matrices
    for part in samples.split():
        rows = slice(start, start := start + len(part.features_PD))
        old = Forms(forms.inverse_PRR[rows], forms.risk_PRR[rows])
        parts.append(change(old, products(part, both), updates))
    return Forms(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _changed_matrices(forms: Forms, product_PRS: Tensor, updates: Sequence[Update]) -> Forms:
    """Return S and Q after the updates; the product has X W and X V of each update."""
    s_PRR, q_PRR = forms
    for each, product in zip(updates, product_PRS.split(2 * s_PRR.shape[1], dim=2), strict=True):
        b_PRR, c_PRR = product.chunk(2, dim=2)
        bn_PRR = b_PRR @ each.inner_RR
        cross_PRR = bn_PRR @ c_PRR.mT
        s_PRR = s_PRR - bn_PRR @ b_PRR.mT
        q_PRR = q_PRR - cross_PRR - cross_PRR.mT + bn_PRR @ each.middle_RR @ bn_PRR.mT
    return Forms(s_PRR, q_PRR)


def _changed_numbers(forms: Forms, product_P1S: Tensor, updates: Sequence[Update]) -> Forms:
    """Return what `_changed_matrices` returns if R is 1, with one product for all updates."""
    b_PU, c_PU = product_P1S[:, 0, ::2], product_P1S[:, 0, 1::2]
    inner_U = torch.cat([each.inner_RR for each in updates]).flatten()
    middle_U = torch.cat([each.middle_RR for each in updates]).flatten()
    square_PU = b_PU * b_PU
    s_P = square_PU @ inner_U
    q_P = square_PU @ (inner_U.square() * middle_U) - (b_PU * c_PU) @ (2 * inner_U)
    return Forms(forms.inverse_PRR - s_P[:, None, None], forms.risk_PRR + q_P[:, None, None])
