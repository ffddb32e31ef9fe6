"""Label images with an oracle function and prove how many labels are wrong at most.

    python examples/prove_with_an_audit.py [--limit 1000] [--tolerance 0.05]

No label is known beforehand: alframe knows only the answers. At the end an audit asks about a random sample
of the auto-labels, and the certificate states an upper bound on the number of wrong labels.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

from alframe import label


def main() -> None:
    """Label, audit, and print the certificate."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--limit", type=int, default=1000, help="images that take part")
    parser.add_argument("--tolerance", type=float, default=0.05, help="the share of wrong labels to rule out")
    options = parser.parse_args()
    digits = load_digits()
    images = (digits.images * 15.9).astype("uint8")[: options.limit]

    def person(index: np.ndarray) -> np.ndarray:
        return digits.target[index]  # put your own question to a person here

    result = label(
        images,
        oracle=person,
        class_names=[str(digit) for digit in range(10)],
        settings={"learner.steps": 60, "query.num": 60, "certificate.tolerance": options.tolerance},
    )
    certificate = result.certificate
    assert certificate is not None, "a tolerance was given"
    print(f"{result.summary['hand_labels']} answers, of which {certificate['asked']} for the audit")
    print(
        f"with {100 * certificate['confidence']:g} % confidence at most {certificate['max_wrong']} of "
        f"{len(images)} labels are wrong ({100 * certificate['max_wrong_share']:.1f} %)"
    )
    print("proven" if certificate["reached"] else "not proven: more answers are needed")


if __name__ == "__main__":
    main()
