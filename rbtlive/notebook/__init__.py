"""Sessions in notebooks and scripts: attach, watch, control, replay."""
