"""The daemon's own state as one flat dictionary and one line."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qoed.app import App


def status_details(app: App) -> dict[str, Any]:
    """Counters of every stage; in = done + dropped + waiting + in flight, stage by stage."""
    lanes = [stream.lanes.stats for stream in app.streams.values()]
    segments_dropped: dict[str, int] = {}
    for stats in lanes:
        for reason, count in stats.dropped.items():
            segments_dropped[reason.value] = segments_dropped.get(reason.value, 0) + count
    scorer, publisher = app.scorer.stats, app.publisher.stats()
    depth = app.depth.stats(app.clock.monotonic())
    levels = Counter(depth.levels.values())
    return {
        "streams": len(app.streams),
        "streams_running": sum(stream.supervisor.state.value == "running" for stream in app.streams.values()),
        "alerts_firing": len(app.evaluator.active()),
        "overloaded": app.overload.active,
        "segments_received": sum(stats.received for stats in lanes),
        "segments_decoded": sum(stats.decoded for stats in lanes),
        "segments_waiting": sum(stats.waiting for stats in lanes),
        "segments_in_flight": sum(stats.in_flight for stats in lanes),
        **{f"segments_dropped_{reason}": count for reason, count in sorted(segments_dropped.items())},
        "clips_received": scorer.received,
        "clips_scored": scorer.scored,
        "clips_abstained": scorer.abstained,
        "clips_waiting": app.scorer.backlog,
        "clips_in_flight": scorer.in_flight,
        **{
            f"clips_dropped_{reason.value}": count
            for reason, count in sorted(scorer.dropped.items())
            if count
        },
        "messages_received": publisher.received,
        "messages_sent": publisher.sent,
        "messages_buffered": publisher.buffered,
        **{
            f"messages_dropped_{reason.value}": count
            for reason, count in sorted(publisher.dropped.items())
            if count
        },
        "engine_busy_s": round(scorer.busy_s, 3),
        **{f"depth_streams_{level}": levels[level] for level in ("full", "light", "extra_light")},
        "depth_waiting": depth.waiting,
        "depth_promotions": depth.promotions,
        "depth_demotions": depth.demotions,
        "depth_cpu_load": round(depth.load, 3),
        "depth_cpu_budget": round(depth.budget, 3),
        # Last: a payload has room for some of them only, and the closest looked at come first.
        "depth_of": depth.levels,
    }


def headline(app: App) -> str:
    """What `systemctl status` shows."""
    firing = len(app.evaluator.active())
    running = sum(stream.supervisor.state.value == "running" for stream in app.streams.values())
    doubt = ", overloaded" if app.overload.active else ""
    return f"{running} of {len(app.streams)} streams running, {firing} alerts firing{doubt}"
