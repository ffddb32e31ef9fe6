"""The last fit of a trial on vectors that trains the encoder: its check, and the learner that has it."""

from dataclasses import replace
from functools import partial

from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.core.protocols import Learner
from alframe.data import ImageDataset, Images
from alframe.embedding import Encoder, GivenVectors, InputBank
from alframe.learner import CNNLearner, FineTuningLearner, ReferenceEngine
from alframe.learner.encoder_network import FineTunedNetwork, check_trainable
from alframe.trial.instantiate import instantiate
from alframe.trial.settings import TrialSettings

KEY = "learner.fine_tuning.unfrozen"


def check_fine_tuning(settings: TrialSettings, encoder: Encoder | GivenVectors | None) -> None:
    """Raise `ConfigError` if the last fit is to train an encoder that cannot be trained."""
    wanted = settings.learner.fine_tuning
    if wanted is None:
        return
    shown = "null" if wanted.unfrozen is None else wanted.unfrozen
    if not isinstance(encoder, Encoder):
        raise ConfigError(KEY, "0, since the encoder has no network that can be trained", shown)
    if settings.learner.committee.kind == "ensemble":
        expected = "last_layer, since the fine-tuned network is alone"
        raise ConfigError("learner.committee.kind", expected, "ensemble")
    try:
        check_trainable(encoder, wanted.unfrozen)
    except ValueError as error:
        raise ConfigError(KEY, f"blocks of {encoder.name} that can be trained: {error}", shown) from error


def with_fine_tuning(
    heads: CNNLearner,
    settings: TrialSettings,
    dataset: ImageDataset,
    encoder: Encoder | GivenVectors | None,
) -> Learner:
    """Return the learner of a trial: the given one, or one whose last fit also trains the encoder.

    Args:
        heads: the learner of the rounds. encoder: as `build_encoder` returns it.
    """
    wanted = settings.learner.fine_tuning
    if wanted is None or not isinstance(encoder, Encoder):
        return heads

    def bank(images_N: Images | Tensor) -> InputBank:
        return InputBank(images_N, encoder.preprocessing, heads.compute.device)

    test_T = dataset.test_images_T
    images = replace(
        heads,
        bank=bank(dataset.images_N),
        test_bank=None if test_T is None else bank(test_T),
        network=partial(FineTunedNetwork, encoder=encoder, unfrozen=wanted.unfrozen, head=heads.classifier),
        recipe=instantiate("learner", wanted.recipe, settings.trusted),
        engine=ReferenceEngine(heads.compute),
        warm_start=False,
        ensemble=1,
        scoring_batch_size=wanted.scoring_batch_size,
        views=None,
        final=None,
    )
    return FineTuningLearner(heads=heads, images=images, held_out=wanted.held_out, seed=settings.seed)
