"""LPIPS: a network that judges pictures as people do."""
