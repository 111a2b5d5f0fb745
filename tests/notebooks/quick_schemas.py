"""A plugin for the pytest that runs a notebook: it imports jsonschema without the grammar
of internationalized addresses, which takes 3 s to build and checks nothing in a notebook.
"""

import sys

sys.modules["rfc3987_syntax"] = None  # jsonschema takes it as not installed
