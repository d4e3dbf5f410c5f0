"""The sensor for new stores, tick by tick."""

from collections.abc import Sequence

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus

from inventory_pipeline.db.integrations import stores
from inventory_pipeline.definitions import defs
from inventory_pipeline.defs import names
from inventory_pipeline.defs.integrations import sensor as integration_sensor
from inventory_pipeline.defs.integrations.sensor import store_integration_sensor
from inventory_pipeline.wiring import Services
from inventory_pipeline_tests.defs.conftest import register


def tick(instance: DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(
        instance=instance, repository_def=defs.get_repository_def(), resources=dict(defs.resources or {})
    )
    answer = store_integration_sensor(context)
    assert isinstance(answer, dg.SensorResult | dg.SkipReason)
    return answer


def obey(instance: DagsterInstance, answer: dg.SensorResult | dg.SkipReason) -> list[str]:
    """Changes the partitions as the daemon does, and returns the keys of the requested runs."""
    if isinstance(answer, dg.SkipReason):
        return []
    for request in answer.dynamic_partitions_requests or ():
        if isinstance(request, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(names.STORES_PARTITIONS, list(request.partition_keys))
        else:
            for key in request.partition_keys:
                instance.delete_dynamic_partition(names.STORES_PARTITIONS, key)
    return [str(request.run_key) for request in answer.run_requests or ()]


def first_sync(instance: DagsterInstance, store: str, status: DagsterRunStatus) -> None:
    tags = {names.PARTITION_TAG: store, "dagster/sensor_name": integration_sensor.NAME}
    instance.create_run_for_job(defs.resolve_job_def(names.SYNC_JOB), tags=tags, status=status)


def test_a_new_store_with_auto_sync_becomes_a_partition_and_is_synced(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example", auto_sync=True)
    answer = tick(instance)
    assert isinstance(answer, dg.SensorResult)
    assert answer.run_requests
    assert answer.run_requests[0].partition_key == "berlin"
    assert obey(instance, answer) == ["berlin:first:0"]
    assert instance.get_dynamic_partitions(names.STORES_PARTITIONS) == ["berlin"]


def test_a_double_tick_asks_for_the_same_run(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example", auto_sync=True)
    assert obey(instance, tick(instance)) == obey(instance, tick(instance)) == ["berlin:first:0"]
    first_sync(instance, "berlin", DagsterRunStatus.STARTED)
    assert obey(instance, tick(instance)) == ["berlin:first:0"]


def test_a_store_whose_first_sync_has_begun_asks_for_nothing(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example", auto_sync=True)
    obey(instance, tick(instance))
    with services.database.begin() as connection:
        stores.mark_first_sync(connection, "berlin", services.clock())
    assert isinstance(tick(instance), dg.SkipReason)


def test_a_first_sync_that_never_reached_the_store_is_tried_again_but_not_for_ever(
    instance: DagsterInstance, services: Services
) -> None:
    register(services, "http://berlin.example", auto_sync=True)
    asked: list[Sequence[str]] = []
    for _ in range(4):
        asked.append(obey(instance, tick(instance)))
        first_sync(instance, "berlin", DagsterRunStatus.FAILURE)
    assert asked == [["berlin:first:0"], ["berlin:first:1"], ["berlin:first:2"], []]


def test_an_inactive_store_waits_until_it_is_activated(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example", auto_sync=True, is_active=False)
    assert obey(instance, tick(instance)) == []
    assert instance.get_dynamic_partitions(names.STORES_PARTITIONS) == ["berlin"]
    services.integrations.activate("berlin")
    assert obey(instance, tick(instance)) == ["berlin:first:0"]


def test_a_store_without_auto_sync_waits_for_the_schedule(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example")
    assert obey(instance, tick(instance)) == []


def test_only_purging_takes_a_partition_away(instance: DagsterInstance, services: Services) -> None:
    register(services, "http://berlin.example")
    obey(instance, tick(instance))
    services.integrations.deactivate("berlin")
    obey(instance, tick(instance))
    assert instance.get_dynamic_partitions(names.STORES_PARTITIONS) == ["berlin"]
    services.integrations.purge("berlin")
    obey(instance, tick(instance))
    assert instance.get_dynamic_partitions(names.STORES_PARTITIONS) == []
    assert isinstance(tick(instance), dg.SkipReason)
