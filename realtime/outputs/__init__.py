"""Where the programme goes: one sink a file, all behind `sink.OutputSink`."""
