"""Assets, jobs, schedules and sensors, and the sync log over Dagster's run storage.

Every run's process and the code server import these modules. So what loads SQLAlchemy, an HTTP client or a connector is
imported inside the function that uses it, here and in `definitions`; nothing else is a reason to.
"""
