"""The domain: frozen types, errors and time. Standard library only, no I/O."""
