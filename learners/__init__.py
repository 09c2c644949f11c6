"""What learns: networks, objectives, auxiliary estimators, and the table of methods.

Importing the package, its table (`learners.catalog`) or any part of a method loads no torch: parts are
typed blocks of parameters, and the files that compute (`batch`, `layers`, `embedding`, `model`, `learner`,
...) are imported when one runs.
"""

import os

# Large tensors in large pages, where the system has them: looking up embeddings takes a fifth less. torch asks once, when it
# first makes a tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
