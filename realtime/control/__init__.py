"""The operator's side: actions, their keys, and the page that shows the programme."""
