"""This project doing the job: one registered store, synced by the service that a Dagster run calls.

    python -m benchmarks.ours add PLATFORM URL CREDENTIALS [SETTING=VALUE …]    registers the store `shop`
    python -m benchmarks.ours sync

CREDENTIALS is NAME=VALUE, comma separated.

The database and the data folder are the environment's.
"""

import sys
from uuid import uuid4

from benchmarks.measure import STORE, arguments_of, report_peak
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.environment import load_environment
from inventory_pipeline.wiring import open_services


def add(platform: str, url: str, credentials: dict[str, str], settings: dict[str, str]) -> None:
    with open_services(load_environment()) as services:
        # The shops that are measured are on this machine.
        store = StoreIntegration(key=STORE, platform=platform, url=url, allow_private=True, settings=settings)
        services.integrations.add(store, credentials)


def sync() -> None:
    with open_services(load_environment()) as services:
        services.sync().sync_all_products(STORE, run_id=str(uuid4()))


def main() -> None:
    command, *rest = sys.argv[1:]
    if command == "add":
        add(rest[0], rest[1], arguments_of(rest[2].split(",")), arguments_of(rest[3:]))
    else:
        sync()
    report_peak()


if __name__ == "__main__":
    main()
