"""`python -m augenblick.launch`: starts the server, for this machine only or for the team."""
