#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes a CA and a certificate for venue.test, starts one server, runs the client against it.

usage: run_interop.py CLIENT SERVER_COMMAND...
"""
import os
import subprocess
import sys
import tempfile

CA_SUBJECT = "/CN=flatline interop test CA"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(folder):
    """A CA of its own and a leaf signed by it: the chain a real venue shows."""
    path = lambda name: os.path.join(folder, name)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", path("ca.key"), "-out", path("ca.pem"), "-days", "2", "-subj", CA_SUBJECT)
    openssl("req", *key, "-keyout", path("leaf.key"), "-out", path("leaf.csr"), "-subj", "/CN=venue.test")
    with open(path("leaf.ext"), "w", encoding="ascii") as extensions:
        extensions.write("subjectAltName=DNS:venue.test\n")
    openssl("x509", "-req", "-in", path("leaf.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", path("leaf.ext"), "-out", path("leaf.pem"))
    return path("ca.pem"), path("leaf.pem"), path("leaf.key")


def main():
    client, server_command = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="flatline-interop-") as folder:
        ca_file, certificate, key = make_certificates(folder)
        with subprocess.Popen([*server_command, certificate, key], stdout=subprocess.PIPE, text=True) as server:
            try:
                port = server.stdout.readline().strip()
                if not port.isdigit():
                    print(f"the server said no port: {server_command}", file=sys.stderr)
                    return 1
                return subprocess.run([client, port, ca_file], timeout=100, check=False).returncode
            finally:
                server.kill()


sys.exit(main())
