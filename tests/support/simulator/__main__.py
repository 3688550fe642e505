"""python -m tests.support.simulator [--port PORT]: serves until it is interrupted; its first line is its URL."""

import argparse
import sys
import threading

from tests.support.simulator import environment
from tests.support.simulator.server import make_server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.simulator")
    parser.add_argument("--port", type=int, default=0, help="0, the default, chooses a free port")
    parser.add_argument(
        "--until-eof",
        action="store_true",
        help="end when standard input closes, that is, with the process that started it",
    )
    arguments = parser.parse_args()

    server = make_server(arguments.port)
    url = f"http://127.0.0.1:{server.port}"
    sys.stdout.write(f"{url}\n")
    if arguments.until_eof:
        threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    else:
        sys.stdout.writelines(f"export {name}={value}\n" for name, value in environment(url).items())
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
