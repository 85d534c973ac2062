"""Files that are compiled or measured once and kept on disk: their keys, safe writing, and a size limit."""
