"""Platforms' contracts and the recorded answers of real servers, where INVENTORY_CONTRACTS says that they are."""

import os
from pathlib import Path

import pytest


def contract(platform: str, name: str) -> Path:
    """A file, or a folder, of the platform's. Skips the test where nothing says where they lie."""
    contracts = os.environ.get("INVENTORY_CONTRACTS")
    if not contracts:
        pytest.skip("INVENTORY_CONTRACTS is not set: no contracts and recorded answers to hold this against")
    return Path(contracts) / platform / name
