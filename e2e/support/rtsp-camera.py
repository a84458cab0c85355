"""An RTSP camera for tests: GStreamer's server with a live test picture, independent of Shardcast's own code.

Needs Debian's gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-{good,bad,ugly} and python3-gi; run it with /usr/bin/python3.
Prints `ready PORT` when it listens, and ends when its standard input does, so that no test leaves it behind.
"""

import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# `out-of-band` leaves the parameter sets to the SDP, as some cameras do.
VIDEO = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast bitrate={kbps} key-int-max={gop} bframes=0 "
    "! video/x-h264,profile={profile} ! h264parse {avc} ! rtph264pay name=pay{n} pt=96 config-interval={interval} mtu={mtu}",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast bitrate={kbps} key-int-max={gop} "
    "! h265parse ! rtph265pay name=pay{n} pt=96 config-interval={interval} mtu={mtu}",
    "jpeg": "jpegenc ! rtpjpegpay name=pay{n} pt=26",
}
AUDIO = {
    "opus": "audioconvert ! audioresample ! opusenc ! rtpopuspay name=pay{n} pt=97",
    "pcmu": "audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay{n} pt=0",
    "pcma": "audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay{n} pt=8",
    "aac": "audioconvert ! voaacenc ! aacparse ! rtpmp4gpay name=pay{n} pt=97",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="0", help="0 lets the system choose")
    parser.add_argument("--path", default="/cam", help="several, comma-separated, are as many independent cameras")
    parser.add_argument("--codec", choices=[*VIDEO, "none"], default="h264")
    parser.add_argument("--audio", choices=[*AUDIO, "none"], default="none")
    parser.add_argument("--profile", default="constrained-baseline", help="of H.264")
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--gop", type=int, default=25, help="frames from keyframe to keyframe")
    parser.add_argument("--kbps", type=int, default=500)
    parser.add_argument("--mtu", type=int, default=1400, help="largest RTP packet; 65000 for a camera that does not fragment")
    parser.add_argument("--out-of-band", action="store_true", help="H.264 parameter sets in the SDP only")
    parser.add_argument("--pattern", default="ball", help="of videotestsrc; this one moves")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--auth", choices=["digest", "basic"], default="digest", help="with --user")
    parser.add_argument("--transport", choices=["any", "tcp", "udp"], default="any")
    parser.add_argument("--timeout", type=int, default=60, help="seconds a session lives without a sign of the client")
    return parser.parse_args()


def pipeline(options):
    width, height = options.size.split("x")
    parts = []
    if options.codec != "none":
        encoder = VIDEO[options.codec].format(
            n=len(parts),
            kbps=options.kbps,
            gop=options.gop,
            profile=options.profile,
            mtu=options.mtu,
            interval=0 if options.out_of_band else -1,
            avc="! video/x-h264,stream-format=avc" if options.out_of_band else "",
        )
        parts.append(
            f"videotestsrc is-live=true pattern={options.pattern} ! video/x-raw,format=I420,width={width},height={height},"
            f"framerate={options.fps}/1 ! {encoder}"
        )
    if options.audio != "none":
        parts.append(f"audiotestsrc is-live=true wave=ticks ! {AUDIO[options.audio].format(n=len(parts))}")
    return f"( {' '.join(parts)} )"


def protect(server, factory, options):
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if options.auth == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(options.user, options.password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(options.user, options.password), token)
    server.set_auth(auth)
    allowed = "user, media.factory.access=true, media.factory.construct=true"
    factory.add_role_from_structure(Gst.Structure.new_from_string(allowed))


def main():
    options = arguments()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.host)
    server.set_service(options.port)
    for path in options.path.split(","):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(pipeline(options))
        factory.set_shared(True)
        lower = GstRtsp.RTSPLowerTrans
        if options.transport != "any":
            factory.set_protocols(lower.TCP if options.transport == "tcp" else lower.UDP)
        if options.user:
            protect(server, factory, options)
        server.get_mount_points().add_factory(path, factory)
    # The server's default pool would keep 60 s whatever the factory says.
    sessions = server.get_session_pool()
    server.connect("client-connected", lambda _server, client: client.connect("new-session", limit, options.timeout))
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on {options.host}:{options.port}")
    loop = GLib.MainLoop()
    GLib.timeout_add_seconds(1, lambda: sessions.cleanup() >= 0)

    def wait_for_end():
        sys.stdin.read()
        GLib.idle_add(loop.quit)

    threading.Thread(target=wait_for_end, daemon=True).start()
    print(f"ready {server.get_bound_port()}", flush=True)
    loop.run()


def limit(_client, session, seconds):
    session.set_timeout(seconds)


main()
