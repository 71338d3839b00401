"""Stage 8, publish: scores, findings, alerts and the daemon's own state become flat JSON in Redis.

Reading order: keys (what is where), payload (what it looks like), outbox (what waits), commands (what is
sent), transaction, health and redis (the writer), subscribe (the reader), embedded (a Redis of our own when
none is configured).
"""
