"""The page that dreams in a browser: what it consists of, and a server for it on this machine."""
