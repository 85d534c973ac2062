"""What is compiled or measured once and kept on disk: by what it is known, written whole, bounded."""
