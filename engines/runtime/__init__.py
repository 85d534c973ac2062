"""The interface that every backend implements, and what backends share. The backends are in
`engines.backends`."""
