"""Recipes: the training of a round's network.

- `supervised.py`: cross-entropy on the labels, for a number of epochs or until early stopping.
- `consistency.py`: labels and pool together (FixMatch with an averaged network).
- `photographs.py`: the same for colour photographs. `curriculum.py`: FlexMatch's thresholds.
- `augment.py`: random deformations of a batch. `augment_photographs.py`, `colour.py`: those of photographs.
- `ema.py`: the averaged network.

A recipe returns a `FitJob`, which an engine runs. Recipes may import `alframe.core`, `alframe.data` and the
`interfaces`, `module` and `batches` of the learner. They import no engine and no scoring.
"""
