"""What the player's generator is compared with, trained and judged in the same harness."""
