"""A process that publishes and stops at a given statement, for a test to kill: `python -m … URL STORE WORDS`.

Prints "reached" once it stands there, then waits for its standard input. With the words "staged" it stands between
staging and publishing.
"""

import sys

from inventory_pipeline.db.database import Database
from inventory_pipeline.db.sync import leases
from inventory_pipeline.db.sync.publish import publish
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline_tests.db.shop import line, publication
from inventory_pipeline_tests.db.sync.statements import before
from inventory_pipeline_tests.db.times import HOUR, MINUTE, NOON

RUN, TTL = "victim", MINUTE
STARTED = NOON + 5 * HOUR


def stand() -> None:
    sys.stdout.write("reached\n")
    sys.stdout.flush()
    sys.stdin.read()


def main(url: str, store_key: str, words: str) -> None:
    database = Database(url)
    leases.acquire(database, store_key, RUN, STARTED, TTL)
    with Stage(database, store_key) as stage:
        stage.add([line(f"{number:05}", 99) for number in range(12_000)])
        if words == "staged":
            stand()
        else:
            with before(words, stand):
                publish(stage, publication(store_key, RUN, STARTED))


if __name__ == "__main__":
    main(*sys.argv[1:])
