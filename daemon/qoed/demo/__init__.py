"""`qoed demo`: a live origin that misbehaves on schedule, the real daemon watching it, and a verdict."""
