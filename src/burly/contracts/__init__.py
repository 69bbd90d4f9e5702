"""The suites that `burly.testing` offers."""

import pytest

# Before they are imported, so that a failed test shows what it compared.
pytest.register_assert_rewrite("burly.contracts.algorithm", "burly.contracts.state_store")
