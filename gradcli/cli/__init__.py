"""The command line.

Python's cyclic collector would walk all that is imported several times, which is a tenth of a short run: what a command
makes has few cycles, so it looks for them rarely.
"""

import gc

gc.set_threshold(200_000, 20, 20)
