"""HLS: playlists, the poller of a rendition, and what they show (RFC 8216bis)."""
