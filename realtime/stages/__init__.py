"""What the processes of a show have in common: the table of them, what each is given, how each reports.

`supervise` starts them; what they do is in `performer`, `programme`, `outputs`, `control.network` and `link`.
"""
