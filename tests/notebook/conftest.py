"""A real kernel for a whole module of tests."""

from __future__ import annotations

import pytest

from tests.notebook.kernels import Kernel


@pytest.fixture(scope="module")
def kernel(request, tmp_path_factory):
    """Return a kernel in which the module's `SETUP` has run."""
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    kernel.run(request.module.SETUP)
    yield kernel
    kernel.close()
