"""The classifier: networks, recipes, the engine that runs them, batched scoring."""

from alframe.learner.engines.reference import ReferenceEngine
from alframe.learner.interfaces import FitInputs, FitJob, Recipe
from alframe.learner.learner import CNNLearner
from alframe.learner.module import Classifier
from alframe.learner.networks import FastCNN, LeNet5, PublishedCNN, resnet18
from alframe.learner.recipes.consistency import ConsistencyClassifier, ConsistencyRecipe
from alframe.learner.recipes.supervised import SupervisedRecipe

__all__ = [
    "CNNLearner",
    "Classifier",
    "ConsistencyClassifier",
    "ConsistencyRecipe",
    "FastCNN",
    "FitInputs",
    "FitJob",
    "LeNet5",
    "PublishedCNN",
    "Recipe",
    "ReferenceEngine",
    "SupervisedRecipe",
    "resnet18",
]
