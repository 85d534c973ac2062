"""BlazePose in torch: detector, landmark net, and the tracker around them."""
