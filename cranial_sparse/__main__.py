"""``python -m cranial_sparse`` is ``cranial-sparse``."""

import sys

from cranial_sparse.cli import main

if __name__ == "__main__":
    sys.exit(main())
