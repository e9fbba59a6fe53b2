"""Carries the histograms of Locust's workers to the master, by Locust's own messages."""

from pathlib import Path
from typing import Any

from loadtest import tally

KEY = "waybill"
"""Where our part is in a worker's report."""
HERE = "here"
"""The generator that runs in the master's own process, where no workers are."""


class Reports:
    """Takes and gives reports of one process. `environment` is Locust's, with the lab in it."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._tally = tally.Tally()
        events = environment.events
        events.report_to_master.add_listener(self.on_report_to_master)
        events.worker_report.add_listener(self.on_worker_report)
        events.test_start.add_listener(self.on_test_start)
        events.quitting.add_listener(self.on_quitting)

    def on_report_to_master(self, client_id: str, data: dict[str, Any]) -> None:
        """A worker is about to report."""
        del client_id
        data[KEY] = tally.dump(self.own())

    def on_worker_report(self, client_id: str, data: dict[str, Any]) -> None:
        """The master got a worker's report."""
        self._tally.report(client_id, tally.read(data[KEY]))

    def on_test_start(self, **_: object) -> None:
        """A run begins, with nothing seen."""
        self._tally.clear()

    def on_quitting(self, **_: object) -> None:
        """Keep the histograms where the options say."""
        options = self._environment.parsed_options
        if options is not None and options.histograms:
            folder = Path(options.histograms)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{self._name()}.json"
            path.write_text(tally.dump(self.total()), encoding="utf-8")

    def own(self) -> tally.Parts:
        """What the users of this process saw."""
        lab = getattr(self._environment, "lab", None)
        return lab.phase.parts() if lab is not None and lab.phase is not None else {}

    def total(self) -> tally.Parts:
        """What was seen, by the workers or else here."""
        if self.distributed:
            return self._tally.total()
        self._tally.report(HERE, self.own())
        return self._tally.total()

    @property
    def distributed(self) -> bool:
        """Whether this is a master, who has no users."""
        return hasattr(self._environment.runner, "clients")

    def _name(self) -> str:
        return "total" if self.distributed else getattr(self._environment.runner, "client_id", HERE)
