from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retries happen, their waits do not; what would have been waited is in each RequestRecord."""
    stamina.set_testing(True, attempts=100, cap=True)
    yield
    stamina.set_testing(False)
