"""Scores over several views: the least confident are replaced, the others are not."""

import torch
import torch.nn.functional as F
from torch import nn

from alframe.core.log_odds import log_odds
from alframe.data.image_bank import ImageBank
from alframe.learner.compute.device import Compute
from alframe.learner.module import Normalize
from alframe.learner.scoring.batch_size import BatchSize
from alframe.learner.scoring.pool import score_pool
from alframe.learner.scoring.test_time_augmentation import Views, rescore_with_tta

CPU = Compute.choose("cpu", "float32")
IMAGES = torch.randint(0, 256, (20, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
NEEDS = frozenset({"margin", "entropy", "log_probs"})


def network(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval()


def test_the_least_confident_get_the_mean_over_views_and_networks() -> None:
    networks, normalize = [network(0), network(1)], Normalize(torch.tensor([128.0]), torch.tensor([70.0]))
    bank, index = ImageBank(IMAGES), torch.arange(20)
    options = {"compute": CPU, "batch_size": BatchSize(6)}
    scores = score_pool(networks, normalize, bank, index, needs=NEEDS, **options)
    views = Views(n=3, share=0.25, strength=1.0)
    again = rescore_with_tta(scores, networks, normalize, lambda x: x.flip(-1), bank, views=views, **options)
    low = scores.log_odds_P.argsort()[:5]
    x = normalize(IMAGES[low])
    with torch.no_grad():
        logits = [net(view) for view in (x, x.flip(-1), x.flip(-1)) for net in networks]
        log_probs = [F.log_softmax(each, dim=1) for each in logits]
    predicted, odds = log_odds(torch.stack(log_probs).mean(dim=0))
    assert torch.equal(again.predicted_P[low], predicted)
    torch.testing.assert_close(again.log_odds_P[low], odds)
    probs = again.log_probs_PC.exp()
    torch.testing.assert_close(probs.sum(dim=1), torch.ones(20))
    torch.testing.assert_close(again.entropy_P, torch.special.entr(probs).sum(dim=1), atol=1e-5, rtol=1e-4)
    rest = torch.ones(20, dtype=torch.bool)
    rest[low] = False
    for name in ("predicted_P", "log_odds_P", "margin_P", "entropy_P", "log_probs_PC"):
        assert torch.equal(getattr(again, name)[rest], getattr(scores, name)[rest])


def test_one_view_or_no_share_changes_nothing() -> None:
    normalize = Normalize(torch.tensor([128.0]), torch.tensor([70.0]))
    bank = ImageBank(IMAGES)
    options = {"compute": CPU, "batch_size": BatchSize(6)}
    scores = score_pool([network(0)], normalize, bank, torch.arange(20), **options)
    for views in (Views(n=1, share=0.5, strength=1.0), Views(n=3, share=0.001, strength=1.0)):
        again = rescore_with_tta(
            scores, [network(0)], normalize, torch.zeros_like, bank, views=views, **options
        )
        assert torch.equal(again.log_odds_P, scores.log_odds_P)
