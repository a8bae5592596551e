"""The `iotcore` broker as a program: `python -m vedette.up.rumqttd CONFIGURATION`. It ends when killed.

The wheel's own command line cannot set the size of rumqttd's log; a configuration file can.
"""

import logging
import sys

from iotcore.iotcore import IotCoreBroker

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    # rumqttd opens a span of level ERROR for every packet it routes.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    IotCoreBroker(config_path=sys.argv[1]).run_forever()
