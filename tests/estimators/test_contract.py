"""The estimators keep scikit-learn's contract."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from burly import KMeans, LogisticRegression

WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
EXPECTED = {
    "KMeans": {
        WEIGHTS: "draws differ where rows are repeated; scikit-learn's own KMeans fails too"
    },
    "LogisticRegression": {},
}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [KMeans(n_init=1), LogisticRegression()],
    expected_failed_checks=lambda estimator: EXPECTED[type(estimator).__name__],
)
def test_scikit_learn_finds_nothing_wrong(estimator, check):
    check(estimator)
