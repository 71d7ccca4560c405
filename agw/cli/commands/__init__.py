"""One module per subcommand; each has a click command named `command`. See agw.cli for what they may import."""
