"""What the surroundings of the daemon offer it, in one object that tests and the demo can leave out."""

from __future__ import annotations

from dataclasses import dataclass, field

from qoed.clock import Clock, SystemClock
from qoed.service.notify import Notifier
from qoed.service.redact import Redactor
from qoed.service.signals import Signals
from qoed.service.watchdog import Watchdog


@dataclass(slots=True)
class Host:
    """Service manager, signals, watchdog and log redaction. Make it inside the running loop."""

    notifier: Notifier
    watchdog: Watchdog
    signals: Signals = field(default_factory=Signals)
    redactor: Redactor = field(default_factory=Redactor)
    clock: Clock = field(default_factory=SystemClock)

    @classmethod
    def from_env(cls, redactor: Redactor | None = None, clock: Clock | None = None) -> Host:
        """The host that the environment describes (systemd or none)."""
        clock = clock or SystemClock()
        notifier = Notifier.from_env()
        return cls(
            notifier=notifier,
            watchdog=Watchdog.from_env(notifier, clock),
            redactor=redactor or Redactor(),
            clock=clock,
        )

    @classmethod
    def detached(cls, clock: Clock | None = None) -> Host:
        """A host without service manager, for tests and the demo; stop it through `signals.stop.set()`."""
        clock = clock or SystemClock()
        notifier = Notifier(None)
        return cls(notifier=notifier, watchdog=Watchdog(notifier, clock), clock=clock)
