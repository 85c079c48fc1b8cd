"""What of this machine a dream may use: cores, memory, room on the disk."""
