"""How qoed behaves as a service: readiness, watchdog, signals, reload, logs, exit codes."""

from qoed.service.exit_codes import ExitCode, exit_code_for
from qoed.service.host import Host
from qoed.service.logging import configure_logging
from qoed.service.notify import Notifier
from qoed.service.redact import Redactor, redact
from qoed.service.reload import Reloader
from qoed.service.signals import Signals
from qoed.service.watchdog import Progress, Watchdog

__all__ = [
    "ExitCode",
    "Host",
    "Notifier",
    "Progress",
    "Redactor",
    "Reloader",
    "Signals",
    "Watchdog",
    "configure_logging",
    "exit_code_for",
    "redact",
]
