"""`inventory-pipeline doctor`: what keeps this installation from doing its work."""

from dataclasses import asdict

import typer

from inventory_pipeline.cli.doctor_dagster import (
    look_at_daemon,
    look_at_dagster,
    look_at_history,
    look_at_partitions,
    look_at_runs,
    look_at_schedule,
    look_at_web,
)
from inventory_pipeline.cli.doctor_machine import look_at_folder, look_at_python
from inventory_pipeline.cli.doctor_stores import (
    look_at_addresses,
    look_at_bindings,
    look_at_credentials,
    look_at_database,
    look_at_feeds,
    look_at_notices,
    look_at_stores,
)
from inventory_pipeline.cli.findings import findings_of
from inventory_pipeline.cli.options import Json
from inventory_pipeline.cli.output import print_document
from inventory_pipeline.cli.session import session_of
from inventory_pipeline.cli.tables import Coloured, Column, print_table

LOOKS = {
    "python": look_at_python,
    "data folder": look_at_folder,
    "database": look_at_database,
    "dagster": look_at_dagster,
    "daemon": look_at_daemon,
    "web UI": look_at_web,
    "schedule": look_at_schedule,
    "runs": look_at_runs,
    "partitions": look_at_partitions,
    "history": look_at_history,
    "credentials": look_at_credentials,
    "bindings": look_at_bindings,
    "addresses": look_at_addresses,
    "feeds": look_at_feeds,
    "stores": look_at_stores,
    "notices": look_at_notices,
}
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(context: typer.Context, json: Json = False) -> None:
    """Look at everything that syncing needs, and say what to do. Exit status 1 where something fails."""
    session = session_of(context)
    findings = [finding for name, look in LOOKS.items() for finding in findings_of(name, look, session)]
    ok = all(finding.status != "fail" for finding in findings)
    if json:
        print_document({"ok": ok, "findings": [asdict(finding) for finding in findings]})
    else:
        print_table(
            ("check", "status", Column("detail", below=True), Column("what to do", below=True)),
            ((found.check, Coloured(found.status, _COLOURS[found.status]), found.detail, found.cure) for found in findings),
        )
    if not ok:
        raise typer.Exit(1)
