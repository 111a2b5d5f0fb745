"""The live panel: its state, its widget, and its static form."""
