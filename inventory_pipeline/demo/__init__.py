"""Local stores that speak real platforms' protocols over a seeded catalogue: for the demo, the tests and benchmarks.

Loopback only. Knows `core` and the standard library, never the connectors, so that one mistake is not made on both sides.
"""
