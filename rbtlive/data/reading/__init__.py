"""From what people hold (frames, lists, dicts, files) to bars that a portal takes."""
