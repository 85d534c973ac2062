"""The programme by WebRTC: for viewers who ask for it (WHEP), and pushed to a server (WHIP)."""
