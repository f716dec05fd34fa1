"""Models: found, loaded, quantised, adapted; what each family needs."""

import logging

# On import bitsandbytes warns of a kernel for 4-bit weights on a CPU, even if nothing is quantised.
# PEFT imports it, so the word must be said before PEFT is there.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
