"""Convert any source (frames, lists, dicts, files) to bars for a portal."""
