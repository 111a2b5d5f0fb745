"""zipline's `zipline.pipeline.classifiers`."""

from rbtlive.pipeline.classifiers.classifier import (
    Classifier,
    CustomClassifier,
    Everything,
    Latest,
    Quantiles,
)

__all__ = ["Classifier", "CustomClassifier", "Everything", "Latest", "Quantiles"]
