"""What a running show must withstand: malformed requests and messages, each made of a seed and its number."""
