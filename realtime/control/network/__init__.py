"""How the show is controlled over the network: pages, API, events, metrics and the way to WHEP."""
