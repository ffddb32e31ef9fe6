"""The learner: the classifier that is trained each round and scores the pool.

- `learner.py`: `CNNLearner`, which the loop calls to fit and to score. `final_fit.py`: its last fit.
- `fine_tuning.py`: `FineTuningLearner`, a learner on vectors whose last fit trains the encoder.
- `networks.py`, `encoder_network.py`: networks. `module.py`: the LightningModule that trains one.
- `batches.py`: batches by index from an image bank.
- `interfaces.py`: the protocols of recipes and engines, and the records that pass between them.
- `recipes`: the training of a round. `engines`: run a fit. `scoring`: scores of images.
- `compute`: device, precision, threads.

This package may import `alframe.core`, `alframe.data` and the small helpers beside it. It never sees the true
labels: it may not import `alframe.audit`.
"""

from alframe.learner.encoder_network import EncoderNetwork
from alframe.learner.engines.reference import ReferenceEngine
from alframe.learner.fine_tuning import FineTuningLearner
from alframe.learner.heads import LinearHead
from alframe.learner.interfaces import FitInputs, FitJob, Recipe
from alframe.learner.learner import CNNLearner
from alframe.learner.module import Classifier
from alframe.learner.networks import FastCNN, LeNet5, PublishedCNN, resnet18
from alframe.learner.recipes.consistency import ConsistencyClassifier, ConsistencyRecipe
from alframe.learner.recipes.fine_tuning import FineTuningRecipe
from alframe.learner.recipes.head import HeadClassifier, HeadRecipe
from alframe.learner.recipes.photographs import PhotographClassifier, PhotographRecipe
from alframe.learner.recipes.supervised import SupervisedRecipe

__all__ = [
    "CNNLearner",
    "Classifier",
    "ConsistencyClassifier",
    "ConsistencyRecipe",
    "EncoderNetwork",
    "FastCNN",
    "FineTuningLearner",
    "FineTuningRecipe",
    "FitInputs",
    "FitJob",
    "HeadClassifier",
    "HeadRecipe",
    "LeNet5",
    "LinearHead",
    "PhotographClassifier",
    "PhotographRecipe",
    "PublishedCNN",
    "Recipe",
    "ReferenceEngine",
    "SupervisedRecipe",
    "resnet18",
]
