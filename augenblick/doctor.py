"""`python -m augenblick.doctor`: see `augenblick.ops.doctor.command`."""

import sys

from augenblick.ops.doctor.command import main

if __name__ == "__main__":
    sys.exit(main())
