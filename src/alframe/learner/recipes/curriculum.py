"""FlexMatch's thresholds: a class that the network finds hard needs less confidence.

Source: Zhang et al., FlexMatch: boosting semi-supervised learning with curriculum pseudo labeling, NeurIPS
2021, equations 6 to 8 and 11 (the warm-up), and its convex mapping.
"""

import torch
from torch import Tensor, nn

OUTSIDE, UNSURE = -2, -1  # in place of a class: not in the pool; not confident in any step so far


class Curriculum(nn.Module):
    """Decides which pool images teach; counts on the device how many of each class were confident.

    The record of classes is as long as the data set, so that a step recorded for one round fits the next.

    Args:
        n_samples: of the data set. pool_P: the indices of the pool, int64.
        confident: the threshold of the class that has most, and what counts as confident.
    """

    class_N: Tensor

    def __init__(self, n_samples: int, pool_P: Tensor, confident: float) -> None:
        super().__init__()
        class_N = torch.full((n_samples,), OUTSIDE)
        class_N[pool_P] = UNSURE
        self.register_buffer("class_N", class_N, persistent=False)
        self._confident = confident

    def forward(self, index_B: Tensor, class_B: Tensor, confidence_B: Tensor, n_classes: int) -> Tensor:
        """Return (B,) bool, the images that teach in this step, and record the confident ones.

        Args:
            index_B: (B,) int64 indices of pool images, on the device; one may come more than once.
            class_B, confidence_B: (B,) the predicted class and its probability. n_classes: C.
        """
        teaches_B = confidence_B > self.thresholds(n_classes)[class_B]
        sure_B = torch.where(confidence_B > self._confident, class_B, UNSURE)
        # An image that comes twice gets the larger class: a fit can be repeated bit for bit.
        newest_N = torch.full_like(self.class_N, UNSURE).scatter_reduce_(0, index_B, sure_B, "amax")
        self.class_N.copy_(torch.where(newest_N > UNSURE, newest_N, self.class_N))
        return teaches_B

    def thresholds(self, n_classes: int) -> Tensor:
        """Return (C,) float32 in [0, confident]: the confidence that each class needs.

        A class with the share s of the largest count has the threshold confident * s / (2 - s). The largest
        count is that of a class, or at first that of the images which were never confident.
        """
        codes = self.class_N - OUTSIDE
        counts = codes.new_zeros(n_classes + 2).scatter_add_(0, codes, torch.ones_like(codes))
        share_C = counts[2:] / counts[1:].amax().clamp_min(1)
        return self._confident * share_C / (2 - share_C)
