"""A stand-in for the ECS task metadata endpoint, versions 2 to 4, on a machine without AWS.

It treats every client as a container of the task, and the client's address as the task's. With an address as an
argument, the endpoint adds it to its loopback interface (this needs NET_ADMIN), for the containers that
share its network interface.
"""

import fcntl
import json
import re
import socket
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Version 2 has one fixed path; versions 3 and 4 have a URI that names the container.
PATHS = re.compile(r"/(?:v2/metadata|v[34]/[^/]+/task)")
SET_INTERFACE_ADDRESS = 0x8916


class Metadata(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = PATHS.fullmatch(self.path)
        address = self.client_address[0]
        if address in sys.argv:
            address = socket.gethostbyname(socket.gethostname())
        task = {
            "Cluster": "local",
            "TaskARN": "arn:aws:ecs:us-east-1:123456789012:task/local/0123456789abcdef0123456789abcdef",
            "Family": "adaptivity-local-web",
            "Revision": "1",
            "AvailabilityZone": "us-east-1a",
            "Containers": [
                {"Name": name, "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": [address]}]}
                for name in ("web", "nginx")
            ],
        }
        body = json.dumps(task if found else {}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def take(address: str) -> None:
    """Gives the loopback interface a second address."""
    request = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_INTERFACE_ADDRESS, request)


if __name__ == "__main__":
    for address in sys.argv[1:]:
        take(address)
    ThreadingHTTPServer(("", 80), Metadata).serve_forever()
