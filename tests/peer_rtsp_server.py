"""An RTSP server by gst-rtsp-server; runs on the system's Python, not on the project's. Argument: the port.

`/live` plays what GStreamer itself encodes, H.264 and AAC. What somebody records to `/push` plays at `/relay`
(H.264 only).
"""

import socket
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LIVE = """
( videotestsrc is-live=true pattern=smpte horizontal-speed=4 ! video/x-raw,width=640,height=360,framerate=25/1
  ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=800 key-int-max=50
  ! video/x-h264,profile=baseline ! rtph264pay name=pay0 pt=96 config-interval=1
  audiotestsrc is-live=true wave=sine freq=440 volume=0.2 ! audio/x-raw,rate=48000,channels=2
  ! voaacenc bitrate=64000 ! rtpmp4gpay name=pay1 pt=97 )
"""
PUSH = (
    "( rtph264depay name=depay0 ! h264parse ! rtph264pay pt=96 config-interval=-1 ! udpsink sync=false {at} )"
)
RELAY = """
( udpsrc {at} caps=application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96
  ! rtpjitterbuffer mode=none latency=0 ! rtph264depay ! h264parse
  ! rtph264pay name=pay0 pt=96 config-interval=1 )
"""


def mount(server, path, launch, mode=GstRtspServer.RTSPTransportMode.PLAY):
    """One pipeline, shared by all who ask for `path`."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    factory.set_shared(True)
    factory.set_transport_mode(mode)
    server.get_mount_points().add_factory(path, factory)


def main(port):
    """Serve for ever."""
    Gst.init(None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        relay_port = probe.getsockname()[1]
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    pool = GstRtspServer.RTSPThreadPool()
    pool.set_max_threads(4)  # who asks for /relay waits for what another thread records
    server.set_thread_pool(pool)
    mount(server, "/live", LIVE)
    mount(
        server,
        "/push",
        PUSH.format(at=f"host=127.0.0.1 port={relay_port}"),
        GstRtspServer.RTSPTransportMode.RECORD,
    )
    mount(server, "/relay", RELAY.format(at=f"address=127.0.0.1 port={relay_port}"))
    server.attach(None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1])
