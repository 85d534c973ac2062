"""What all processes of a show share: the table of stages, what each process is given, and how it reports.

`supervise` starts the processes. Their work is in `performer`, `programme`, `outputs`, `control.network` and
`link`.
"""
