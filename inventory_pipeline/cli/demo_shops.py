"""The demo's stores: served by a child process, and registered like anybody's."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.services.integrations.service import Integrations

Shop = Mapping[str, Any]
FAREWELL_SECONDS = 10


@contextmanager
def demo_shops(folder: Path, log: Path, seconds_between_sales: float) -> Iterator[Sequence[Shop]]:
    """Serves the demo stores while open, and yields what each is: key, name, platform, url, settings, credentials.

    They end with this process however it dies: their standard input is a pipe from here.
    """
    command = [sys.executable, "-m", "inventory_pipeline.demo.serve", "--data", str(folder)]
    command += ["--interval", str(seconds_between_sales)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, start_new_session=True, text=True
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        state = process.stdout.readline().strip()
        if not state:
            raise InventoryError(f"the demo stores could not start; {log} says why")
        yield json.loads(Path(state).read_text())["stores"]
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def register_shops(integrations: Integrations, shops: Sequence[Shop]) -> None:
    """Registers what is new; what an earlier demo registered gets its present address and keys."""
    known = {store.key for store in integrations.list()}
    for shop in shops:
        if shop["key"] in known:
            integrations.set(
                shop["key"], url=shop["url"], allow_private=True, settings=shop["settings"], values=shop["credentials"]
            )
            continue
        store = StoreIntegration(
            key=shop["key"],
            platform=shop["platform"],
            url=shop["url"],
            name=shop["name"],
            group="demo",
            settings=shop["settings"],
            auto_sync=True,
            allow_private=True,  # the demo's shops are on this machine
        )
        integrations.add(store, shop["credentials"])
