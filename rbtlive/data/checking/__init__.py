"""Turn frames and files into typed, checked columns; errors name the place."""
