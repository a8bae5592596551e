"""`python -m vedette`: the same as the `vedette` command."""

import sys

from vedette.cli import main

sys.exit(main())
