"""Which platforms there are: each module or package of this folder whose name holds no underscore is one.

So a new platform is one file, or one folder where it takes more. They are imported only when asked for: listing names
costs nothing.
"""

import pkgutil
from functools import cache
from importlib import import_module

from inventory_pipeline import connectors
from inventory_pipeline.connectors.base import Connector, PlatformInfo
from inventory_pipeline.core.errors import UsageError

_NOT_PLATFORMS = {"base", "registry", "toolkit"}


@cache
def platform_names() -> tuple[str, ...]:
    """Sorted; imports no connector."""
    names = (module.name for module in pkgutil.iter_modules(connectors.__path__))
    return tuple(sorted(name for name in names if "_" not in name and name not in _NOT_PLATFORMS))


def connector_for(platform: str) -> type[Connector]:
    """The platform's class. Raises UsageError naming the known platforms."""
    if platform not in platform_names():
        raise UsageError(f"platform {platform!r:.60} is not known; known are: {', '.join(platform_names())}")
    return import_module(f"{connectors.__name__}.{platform}").CONNECTOR


def platforms() -> list[PlatformInfo]:
    """Every platform's description, sorted by name; imports them all."""
    return [connector_for(name).info for name in platform_names()]
