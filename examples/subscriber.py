"""Prints live scores and alerts: python examples/subscriber.py [redis://127.0.0.1:6379] [prefix]"""

import json
import sys

import redis

url = sys.argv[1] if len(sys.argv) > 1 else "redis://127.0.0.1:6379"
prefix = sys.argv[2] if len(sys.argv) > 2 else "qoe"

client = redis.Redis.from_url(url, decode_responses=True)
pubsub = client.pubsub(ignore_subscribe_messages=True)
pubsub.subscribe(f"{prefix}:v1:alert")
pubsub.psubscribe(f"{prefix}:v1:score:*")

# Pub/Sub tells nothing of the past: what fires now stands in a hash.
firing = [json.loads(value) for value in client.hvals(f"{prefix}:v1:alerts:active")]
for alert in firing:
    print(f"already firing: {alert['rule']} on {alert['stream']}: {alert['message']}", flush=True)

for message in pubsub.listen():
    payload = json.loads(message["data"])
    where = f"{payload['time']} {payload['stream']}/{payload['rendition'] or '*'}"
    if payload["schema"] == "qoed.alert":
        print(where, payload["state"].upper(), payload["rule"], payload["message"], flush=True)
    elif payload["score"] is None:
        print(where, "no score:", payload["reason"], flush=True)
    else:
        print(where, f"{payload['score']:.1f} ({payload['lo']:.0f}-{payload['hi']:.0f})", flush=True)
