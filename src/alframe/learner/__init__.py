"""The classifier: networks, recipes, the engine that runs them, batched scoring."""

from alframe.learner.consistency import ConsistencyClassifier, ConsistencyRecipe
from alframe.learner.engine import FitJob
from alframe.learner.learner import CNNLearner
from alframe.learner.module import Classifier
from alframe.learner.networks import FastCNN, LeNet5, PublishedCNN, resnet18
from alframe.learner.recipe import Lesson, Recipe
from alframe.learner.reference import ReferenceEngine
from alframe.learner.supervised import SupervisedRecipe

__all__ = [
    "CNNLearner",
    "Classifier",
    "ConsistencyClassifier",
    "ConsistencyRecipe",
    "FastCNN",
    "FitJob",
    "LeNet5",
    "Lesson",
    "PublishedCNN",
    "Recipe",
    "ReferenceEngine",
    "SupervisedRecipe",
    "resnet18",
]
