"""zipline's `zipline.pipeline.hooks`: refused by name."""

from rbtlive.pipeline.missing import refusing

__getattr__ = refusing(
    __name__,
    dict.fromkeys(
        ("PipelineHooks", "NoHooks", "DelegatingHooks", "ProgressHooks", "TestingHooks"),
        "pipe.explain(start, end, data) says what each term took",
    ),
)
