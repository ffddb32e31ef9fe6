"""Scoring: the class, log-odds and further scores that networks give to images.

- `pool.py`: scores of the pool, batch by batch.
- `onnx_forward.py`: the same through ONNX Runtime.
- `logit_cache.py`: log-probabilities that are kept for the next rounds.
- `batch_size.py`: batches that become smaller if memory runs out.
- `committee.py`: features and the predictions of a committee's members.
- `test_time_augmentation.py`: scores averaged over altered copies of an image.

Scoring may import `alframe.core`, `alframe.data` and the `interfaces` and `compute` of the learner. It does
not import engines or recipes.
"""
