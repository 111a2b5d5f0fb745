"""zipline's `zipline.pipeline.dtypes`: the types that each kind of term may have."""

from rbtlive.pipeline.term import BOOL, FLOAT, INT, TEXT, TIME

CLASSIFIER_DTYPES = frozenset([INT, TEXT])
FACTOR_DTYPES = frozenset([FLOAT, INT, TIME])
FILTER_DTYPES = frozenset([BOOL])
