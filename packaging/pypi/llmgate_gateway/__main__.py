"""`python -m llmgate_gateway`."""

import sys

from . import main

sys.exit(main())
