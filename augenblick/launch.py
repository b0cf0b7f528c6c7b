"""`python -m augenblick.launch`: see `augenblick.ops.launch`."""

from augenblick.ops.launch import main

if __name__ == "__main__":
    main()
