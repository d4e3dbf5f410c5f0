"""Rules moved in as CSV, on both databases."""

from io import StringIO

import pytest

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import SYNC_INTERVAL
from inventory_pipeline.core.thresholds import checked_threshold
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations.audit import list_audit
from inventory_pipeline.services.alerts.rules import Rules
from inventory_pipeline_tests.db.shop import Shop
from inventory_pipeline_tests.db.times import NOON

HEADER = "scope,store,item_id,location_id,group,sku,threshold,margin,cover_days\n"


@pytest.fixture
def rules(database: Database) -> Rules:
    Shop(database)  # the store berlin
    return Rules(database=database, clock=lambda: NOON, interval=SYNC_INTERVAL)


def known(rules: Rules) -> dict[str, tuple[object, ...]]:
    return {rule.target: (rule.threshold, rule.margin, rule.cover_days) for rule in rules.list_rules()}


def test_an_import_replaces_what_it_names_and_leaves_the_rest(database: Database, rules: Rules) -> None:
    old = [checked_threshold("store", 3, store_key="berlin"), checked_threshold("variant", 4, store_key="berlin", item_id="1")]
    rules.set(old, "test")
    lines = "".join(f"variant,berlin,{number},,,,{number}.5,2,\n" for number in range(1, 12_001))
    assert rules.import_csv(StringIO(f"{HEADER}{lines}global,,,,,,7,,30\n"), "lena") == 12_001
    found = known(rules)
    assert len(found) == 12_002
    assert str(found["variant 1 of store berlin"][0]) == "1.5"
    assert found["store berlin"] == (3, 1, None)
    assert found["global default"] == (7, 2, 30)
    with database.connect() as connection:
        newest = list_audit(connection, 12_003)
    assert newest[0][1:] == ("lena", "set threshold", "global default", "7, margin 2, cover 30 days")
    assert [entry.actor for entry in newest].count("lena") == 12_001


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            "store,berlin,,,,,1,,\nvariant,berlin,7,,,,2,,\nstore,berlin,,,,,3,,\n",
            "line 4: store berlin was set in line 2 already",
        ),
        ("store,berlin,,,,,1,,\nstore,paris,,,,,3,,\n", "line 3: no store 'paris' is registered"),
        ("store,berlin,,,,,1,,\nsku,,,,nowhere,A,3,,\n", "line 3: no store is in group 'nowhere'"),
        ("store,berlin,,,,,1,,\nvariant,berlin,7,,,,-1,,\n", "line 3: threshold -1 is not between 0 and"),
        ("store,berlin,,,,,1,,\nvariant,berlin,7,,,,1,-1,\n", "line 3: margin -1 is not between 0 and"),
        ("store,berlin,,,,,1,,\nvariant,berlin,7,,,,1,,366\n", "line 3: cover days 366 is not between 1 and 365"),
        ("store,berlin,,,,,1,,\nvariant,berlin,7,,,,1,,0\n", "line 3: cover days 0 is not between 1 and 365"),
    ],
)
def test_one_wrong_line_is_named_and_nothing_is_set(rules: Rules, lines: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        rules.import_csv(StringIO(HEADER + lines), "lena")
    assert known(rules) == {}
