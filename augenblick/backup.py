"""`python -m augenblick.backup`: see `augenblick.ops.backup`."""

import sys

from augenblick.ops.backup import main

if __name__ == "__main__":
    sys.exit(main())
