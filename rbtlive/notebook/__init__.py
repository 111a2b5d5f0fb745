"""Sessions as people hold them: attach, watch, steer, replay."""
