"""dlt doing the same job in its usual way: its REST source, the same nine fields, merged by id.

python -m benchmarks.through_dlt URL DATABASE_URL FOLDER
"""

import os
import sys

from benchmarks.measure import report_peak
from benchmarks.shop import NINE, PER_PAGE


def main() -> None:
    url, database_url, folder, *whole = sys.argv[1:]
    os.environ |= {
        "DLT_DATA_DIR": folder,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL",
        "DATA_WRITER__DISABLE_COMPRESSION": "true",  # its own advice for speed
    }
    # After the variables above, which dlt reads when it is imported.
    import dlt
    from dlt.sources.rest_api import rest_api_source

    if database_url.startswith("sqlite"):
        destination = dlt.destinations.sqlalchemy(credentials=database_url)
    else:
        # It insists on a host and a password; libpq takes the socket's folder, which comes later, all the same.
        address = database_url.replace("postgres@/", "postgres:-@localhost/")
        destination = dlt.destinations.postgres(credentials=address)
    chosen = {} if whole else {"_fields": ",".join(NINE)}
    nine = {"map": lambda product: {name: product[name] for name in NINE}}
    source = rest_api_source(
        {
            "client": {"base_url": f"{url}/wp-json/wc/v3/", "paginator": "header_link"},
            "resources": [
                {
                    "name": "products",
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "processing_steps": [nine] if whole else [],
                    "endpoint": {"path": "products", "params": {"per_page": PER_PAGE, **chosen}},
                }
            ],
        }
    )
    pipeline = dlt.pipeline("shop", destination=destination, dataset_name="shop", pipelines_dir=f"{folder}/pipelines")
    pipeline.run(source).raise_on_failed_jobs()
    report_peak()


if __name__ == "__main__":
    main()
