"""Golden retrieval and classification metrics from torchmetrics and numpy.

    python tools/goldens/metrics.py src/test/resources/goldens/metrics.json

Needs numpy, torch, torchmetrics. Inputs are rounded to 3 decimals and stored with the results, so that the test reads both.
"""
import json
import sys

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score
from torchmetrics.functional.retrieval import retrieval_hit_rate, retrieval_reciprocal_rank

CUTOFFS = (1, 5, 10, 50)


def direction(similarity, relevant):
    # torchmetrics counts a relevant candidate of score <= 0 as irrelevant; cosines are negative often, and only their order matters.
    similarity = similarity + 2
    scores = {"MRR": np.mean([float(retrieval_reciprocal_rank(s, r)) for s, r in zip(similarity, relevant)])}
    for k in CUTOFFS:
        # torchmetrics wants top_k within the pool; with a smaller pool every query hits.
        top = min(k, similarity.shape[1])
        scores[f"R@{k}"] = np.mean([float(retrieval_hit_rate(s, r, top_k=top)) for s, r in zip(similarity, relevant)])
    return {name: float(value) for name, value in scores.items()}


def retrieval(rng, n, size, groups):
    source = rng.normal(size=(n, size)).round(3)
    target = (0.5 * source + rng.normal(size=(n, size))).round(3)
    group = rng.integers(groups, size=n)
    unit = lambda x: torch.tensor(x / np.linalg.norm(x, axis=1, keepdims=True))
    similarity = unit(source) @ unit(target).T
    own = torch.eye(n, dtype=torch.bool)
    same = torch.tensor(group[:, None] == group[None, :])
    return {
        "source": source.tolist(), "target": target.tolist(), "group": group.tolist(),
        "plain": {"s_t": direction(similarity, own), "t_s": direction(similarity.T, own)},
        "multi_positive": {"s_t": direction(similarity, same), "t_s": direction(similarity.T, same)},
    }


def classification(rng, n, classes, absent_truth, absent_both):
    truth = rng.integers(classes, size=n)
    predicted = np.where(rng.random(n) < 0.6, truth, rng.integers(classes, size=n))
    truth[np.isin(truth, absent_truth + absent_both)] = 0
    predicted[np.isin(predicted, absent_both)] = 1
    t, p = torch.tensor(truth), torch.tensor(predicted)
    recalls = [np.mean(predicted[truth == c] == c) for c in range(classes) if (truth == c).any()]
    return {
        "classes": classes, "truth": truth.tolist(), "predicted": predicted.tolist(),
        "accuracy": float(multiclass_accuracy(p, t, classes, average="micro")),
        "macro_f1": float(multiclass_f1_score(p, t, classes, average="macro")),
        "per_class_f1": multiclass_f1_score(p, t, classes, average="none").tolist(),
        "balanced_accuracy": float(np.mean(recalls)),  # as sklearn.metrics.balanced_accuracy_score
    }


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    golden = {
        "retrieval": [retrieval(rng, 83, 8, 9), retrieval(rng, 37, 5, 20), retrieval(rng, 7, 3, 2)],
        "classification": [classification(rng, 200, 12, [], []), classification(rng, 60, 6, [3], [5])],
    }
    with open(sys.argv[1], "w") as file:
        json.dump(golden, file)
        file.write("\n")
