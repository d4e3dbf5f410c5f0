"""Links into the web UI keep a store's key and a form whole."""

from urllib.parse import parse_qs, urlsplit

from inventory_pipeline.defs.names import launchpad, store_page


def test_a_stores_page_opens_at_its_partition() -> None:
    assert store_page("berlin") == "/assets/inventory_snapshot?view=partitions&partition=berlin"
    assert parse_qs(urlsplit(store_page("a&b=c")).query)["partition"] == ["a&b=c"]


def test_a_launchpad_opens_with_the_form_and_the_store() -> None:
    form = "key: berlin\naction: activate\n"
    link = launchpad("manage_store_integration", form, "berlin")
    assert link.startswith("/locations/inventory_pipeline/jobs/manage_store_integration/playground/setup?")
    fields = {"config": [form], "tags[0][key]": ["dagster/partition"], "tags[0][value]": ["berlin"]}
    assert parse_qs(urlsplit(link).query) == fields
    # Fit for markdown, which ends a link at a bracket or a space.
    assert not set(link) & set("() \n")
