"""What a show file may say, as strict models. It imports nothing of the show: every room may import it."""
