"""Tells the people in the frame apart, and follows one of them from frame to frame with the nets of
`engines.pose`."""
