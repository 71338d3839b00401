"""Real servers of others: nginx for HTTP, HTTPS and RTMP, GStreamer for RTSP, SRT's own relay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from socket import SOCK_DGRAM

from certificates import certificates
from peers import _RTMP_MODULE, Peer, Peers, accepts, free_port, require

_RTSP_SCRIPT = Path(__file__).with_name("peer_rtsp_server.py")
_HTTP = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  types {{ application/vnd.apple.mpegurl m3u8; application/dash+xml mpd; video/mp2t ts; video/mp4 mp4 m4s; }}
  gzip on; gzip_min_length 0; gzip_types application/vnd.apple.mpegurl application/dash+xml;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
  server {{
    listen 127.0.0.1:{tls_port} ssl; root {root};
    ssl_certificate {certificate}; ssl_certificate_key {key};
  }}
}}
"""
_RTMP = """
load_module {module};
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096; application live {{ live on; }} }} }}
"""


@dataclass(slots=True)
class Nginx:
    """nginx in front of a folder, over HTTP and HTTPS on ports that it keeps; playlists are compressed."""

    peers: Peers
    root: Path
    port: int
    tls_port: int
    ca_file: Path
    peer: Peer | None = None

    def url(self, path: str) -> str:
        """Address of a file under the root."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def tls_url(self, path: str) -> str:
        """The same over HTTPS."""
        return f"https://127.0.0.1:{self.tls_port}/{path}"

    async def start(self) -> None:
        """Serve (again)."""
        folder = self.peers.folder
        config = folder / "http.conf"
        config.write_text(
            _HTTP.format(
                folder=folder,
                root=self.root,
                port=self.port,
                tls_port=self.tls_port,
                certificate=folder / "server.pem",
                key=folder / "server.key",
            )
        )
        self.peer = self.peers.start("nginx", require("nginx"), "-p", folder, "-c", config, "-e", "stderr")
        await self.peer.ready(lambda: accepts(self.port) and accepts(self.tls_port))

    def stop(self) -> None:
        """Serve no more; connections break."""
        assert self.peer is not None
        self.peer.kill()


async def nginx(peers: Peers, root: Path) -> Nginx:
    """nginx in front of `root`."""
    require("nginx")
    ca_file = certificates(peers.folder)
    server = Nginx(peers, root, free_port(), free_port(), ca_file)
    await server.start()
    return server


async def rtmp_server(peers: Peers) -> tuple[Peer, str]:
    """nginx's RTMP server: (it, the URL under which a stream is published and played)."""
    program = require("nginx-rtmp")
    port, config = free_port(), peers.folder / "rtmp.conf"
    config.write_text(_RTMP.format(module=_RTMP_MODULE, folder=peers.folder, port=port))
    peer = peers.start("rtmp", program, "-p", peers.folder, "-c", config, "-e", "stderr")
    await peer.ready(lambda: accepts(port))
    return peer, f"rtmp://127.0.0.1:{port}/live"


async def rtsp_server(peers: Peers) -> tuple[Peer, str]:
    """GStreamer's RTSP server: (it, its URL); `peer_rtsp_server.py` says what is to be had there."""
    port = free_port()
    peer = peers.start("rtsp", require("gst-rtsp"), _RTSP_SCRIPT, port)
    await peer.ready(lambda: accepts(port))
    return peer, f"rtsp://127.0.0.1:{port}"


def srt_relay(peers: Peers, *query: str) -> tuple[Peer, str, str]:
    """SRT's own relay from UDP to whoever calls: (it, UDP address to send to, SRT address to call)."""
    source, target = (f"127.0.0.1:{free_port(SOCK_DGRAM)}" for _ in range(2))
    listen = "&".join(("mode=listener", *query))
    peer = peers.start(
        "srt", require("srt-tools"), "-quiet", "-chunk:1316", f"udp://{source}", f"srt://{target}?{listen}"
    )
    return peer, f"udp://{source}?pkt_size=1316", f"srt://{target}"
