"""What learns: networks, objectives, auxiliary estimators, and the table of methods.

Importing the package, its table (`learners.catalog`) or any part of a method loads no torch: parts are
typed blocks of parameters, and the files that compute (`batch`, `layers`, `embedding`, `model`, `learner`,
...) are imported when one runs.
"""
