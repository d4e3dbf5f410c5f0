"""Real platforms from npm: installed once into a temporary folder, filled, and served on loopback."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from inventory_pipeline_tests.defs.live import until

HERE = Path(__file__).parent
# Kept from one run to the next: an installation takes a minute or two and up to 800 MB.
INSTALLED = Path(os.environ.get("INVENTORY_LIVE_DIR") or Path(tempfile.gettempdir()) / "inventory-live")


def install(platform: str, *options: str) -> Path:
    """The folder where the platform's package.json and scripts are installed."""
    npm = shutil.which("npm")
    assert npm, "make live needs Node.js 20 with npm"
    folder = INSTALLED / platform
    shutil.copytree(HERE / platform, folder, dirs_exist_ok=True)
    wanted = (folder / "package.json").read_text()
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", *options]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        stamp.write_text(wanted)
    return folder


def run_node(folder: Path, *command: str, **environment: str) -> str:
    """What the command printed. Raises with all of it where it fails."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@contextmanager
def serving(folder: Path, *command: str, url: str, log: Path, **environment: str) -> Iterator[None]:
    """The server in its own process group, from its first answer until the block ends."""
    with log.open("w") as written:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=written, stderr=written, start_new_session=True
        )
        try:
            _wait_for(url, process, log)
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-4000:]
        with suppress(httpx.TransportError):
            return httpx.get(url).status_code < 500
        return False

    until(answers, 180, pause=0.5)


class CommandLine:
    """`inventory-pipeline` in a data folder of its own, as a person has it."""

    def __init__(self, script: Path, data_dir: Path) -> None:
        self._script, self._environment = script, {**os.environ, "INVENTORY_DATA_DIR": str(data_dir)}

    def run(self, *arguments: str, typed: str = "") -> str:
        """Standard output. Raises with everything printed where the exit status is not 0."""
        done = subprocess.run(
            [self._script, *arguments],
            env=self._environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def sync(self, store: str) -> dict[str, int]:
        """The counts of one published sync: seen, created, updated, skipped, rejected, missing."""
        (row,) = json.loads(self.run("sync-all-stores", "--store", store, "--json"))
        assert row["outcome"] == "published", row
        return row

    def lines(self, store: str) -> dict[tuple[str, str], dict[str, object]]:
        """By item id and location id."""
        rows = json.loads(self.run("stock", "--store", store, "--json"))
        return {(row["item_id"], row["location_id"]): row for row in rows}
