from itertools import islice

import pytest
import torch

from alframe.learner.batches import ConsistencyBatches, EpochBatches, IndexStream


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


INDEX_L = torch.tensor([30, 7, 12, 99, 5, 64, 41])
LABEL_L = INDEX_L % 5


def test_an_epoch_holds_each_sample_once_with_its_own_label(make_bank, indices_of):
    batches = EpochBatches(make_bank(100), INDEX_L, LABEL_L, 3, generator())
    for _ in range(3):
        seen = torch.cat([indices_of(images) for images, _ in batches])
        assert sorted(seen.tolist()) == sorted(INDEX_L.tolist())
    for images, labels in batches:
        assert torch.equal(indices_of(images) % 5, labels)


def test_the_last_batch_of_an_epoch_has_the_remaining_samples(make_bank):
    bank = make_bank(100)
    batches = EpochBatches(bank, INDEX_L, LABEL_L, 3, generator())
    assert [len(labels) for _, labels in batches] == [3, 3, 1]
    assert len(batches) == 3
    assert [len(labels) for _, labels in EpochBatches(bank, INDEX_L, LABEL_L, 7)] == [7]
    assert [len(labels) for _, labels in EpochBatches(bank, INDEX_L, LABEL_L, 100)] == [7]


def test_without_a_generator_the_order_is_kept_in_every_epoch(make_bank, indices_of):
    batches = EpochBatches(make_bank(100), INDEX_L, LABEL_L, 3)
    for _ in range(2):
        assert torch.equal(torch.cat([indices_of(images) for images, _ in batches]), INDEX_L)
        assert torch.equal(torch.cat([labels for _, labels in batches]), LABEL_L)


def orders(batches, indices_of, n_epochs=4):
    return [tuple(torch.cat([indices_of(images) for images, _ in batches]).tolist()) for _ in range(n_epochs)]


def test_each_epoch_is_shuffled_again_in_an_order_given_by_the_seed(make_bank, indices_of):
    def made(seed):
        return EpochBatches(make_bank(100), INDEX_L, LABEL_L, 3, generator(seed))

    first = orders(made(0), indices_of)
    assert len(set(first)) == 4
    assert orders(made(0), indices_of) == first
    assert orders(made(1), indices_of) != first


def test_a_stream_passes_over_every_index_before_it_repeats_one():
    index = torch.tensor([4, 8, 15, 16, 23])
    stream = IndexStream(index, generator())
    taken = torch.cat([stream.take(n) for n in (3, 1, 4, 7, 5)])  # batches cross the passes' borders
    assert len(taken) == 20
    for one_pass in taken.split(5):
        assert sorted(one_pass.tolist()) == index.tolist()


def test_a_stream_serves_batches_larger_than_itself():
    counts = IndexStream(torch.tensor([3, 9]), generator()).take(7).bincount()
    assert sorted([counts[3].item(), counts[9].item()]) == [3, 4]


def test_an_empty_stream_is_refused():
    with pytest.raises(ValueError, match="at least one index"):
        IndexStream(torch.empty(0, dtype=torch.int64), generator())


def consistency(bank, pool, seed=0, batch_size=4, pool_batch_size=6):
    pool_P = torch.tensor(pool, dtype=torch.int64)
    return ConsistencyBatches(bank, INDEX_L, LABEL_L, pool_P, batch_size, pool_batch_size, generator(seed))


def test_consistency_batches_hold_labelled_images_their_labels_and_pool_images(make_bank, indices_of):
    pool = [1, 2, 3, 50, 51, 52, 53, 54]
    for images, labels, pool_images in islice(consistency(make_bank(100), pool), 10):
        assert images.shape == (4, 1, 4, 4)
        assert pool_images.shape == (6, 1, 4, 4)
        assert images.dtype == pool_images.dtype == torch.uint8
        assert torch.equal(indices_of(images) % 5, labels)
        assert set(indices_of(images).tolist()) <= set(INDEX_L.tolist())
        assert set(indices_of(pool_images).tolist()) <= set(pool)


def test_consistency_batches_pass_over_labels_and_pool_evenly(make_bank, indices_of):
    pool = [1, 2, 3, 50, 51, 52, 53, 54]
    batches = list(islice(consistency(make_bank(100), pool), 28))  # 112 labelled, 168 pool images
    labelled = torch.cat([indices_of(images) for images, _, _ in batches])
    unlabelled = torch.cat([indices_of(pool_images) for _, _, pool_images in batches])
    assert labelled.bincount(minlength=100)[INDEX_L].tolist() == [16] * 7
    assert unlabelled.bincount(minlength=100)[pool].tolist() == [21] * 8


def test_a_label_belongs_to_its_position_even_when_an_index_is_low(make_bank):
    bank, index_L, label_L = make_bank(3), torch.tensor([2, 0]), torch.tensor([1, 0])
    batches = ConsistencyBatches(bank, index_L, label_L, torch.empty(0, dtype=torch.int64), 2, 6, generator())
    images, labels, _ = next(iter(batches))
    assert dict(zip(images[:, 0, 0, 1].tolist(), labels.tolist(), strict=True)) == {2: 1, 0: 0}


def test_an_empty_pool_has_no_pool_images(make_bank):
    for images, labels, pool_images in islice(consistency(make_bank(100), []), 3):
        assert len(images) == len(labels) == 4
        assert pool_images is None


def test_the_seed_decides_consistency_batches(make_bank, indices_of):
    def first(seed):
        return [
            (indices_of(a).tolist(), indices_of(c).tolist())
            for a, _, c in islice(consistency(make_bank(100), [1, 2, 3, 50], seed), 5)
        ]

    assert first(0) == first(0)
    assert first(0) != first(1)
