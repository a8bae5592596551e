"""The broker options of every command that connects."""

import argparse

from vedette.mqtt.broker import Broker


def add_broker_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "broker", "{identity} in a user name or a file name stands for the identity that connects"
    )
    group.add_argument(
        "--broker", required=True, metavar="URL", help="mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
    )
    group.add_argument("--username", metavar="U")
    group.add_argument("--password-file", metavar="FILE", help="its first line is the password")
    group.add_argument("--ca", metavar="FILE", help="PEM; default: the host's trust store")
    group.add_argument("--cert", metavar="FILE", help="PEM; our certificate")
    group.add_argument("--key", metavar="FILE", help="PEM; the key of --cert")


def broker_from(args: argparse.Namespace) -> Broker:
    """Raises ConfigError."""
    return Broker.parse(
        args.broker,
        username=args.username,
        password_file=args.password_file,
        ca_file=args.ca,
        cert_file=args.cert,
        key_file=args.key,
    )
