"""How the processes of a show reach each other: sockets, messages, and pictures in shared memory."""
