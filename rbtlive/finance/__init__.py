"""zipline's models of what trading costs and when orders fill: pure arithmetic on what
it is given.
"""
