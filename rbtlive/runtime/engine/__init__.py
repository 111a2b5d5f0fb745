"""The asynchronous engine: queue, dispatcher, feed pump, timekeeper, breakers."""
