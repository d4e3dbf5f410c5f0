"""uvicorn in a thread of its own: signals are for the main thread."""

import argparse
import socket
import threading
import time
from typing import TYPE_CHECKING

import uvicorn

from inventory_pipeline.core.errors import InventoryError
from inventory_pipeline.web.serving import CLOSE_SECONDS

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_CONNECTION_SECONDS = 2
_LOOK_SECONDS = 0.025


class WebServer:
    """Serves an application at the listeners of the options; with a certificate over https."""

    def __init__(self, app: "ASGIApp", options: argparse.Namespace) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_CONNECTION_SECONDS,
            # Who asks is the proxy's word only where one was named.
            proxy_headers=bool(options.proxies),
            forwarded_allow_ips=options.proxies,
            ssl_certfile=options.certificate,
            ssl_keyfile=options.key,
        )
        try:
            config.load()
        except OSError as error:
            raise InventoryError(f"the certificate {options.certificate} cannot be used with its key: {error}") from None
        self._server = uvicorn.Server(config)
        sockets = [socket.socket(fileno=number) for number in options.listener]
        self._thread = threading.Thread(target=self._server.run, args=(sockets,), daemon=True)

    def start(self) -> None:
        """Returns once it answers, or has ended."""
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """Lets go of the port and of what is connected. May be called again."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(CLOSE_SECONDS)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()
