"""Who is in the frame, and how one person is followed from frame to frame with the nets of `engines.pose`."""
