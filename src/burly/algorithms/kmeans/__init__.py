"""K-means: Lloyd's iteration, its seedings, and the labels of a finished model.

Every phase is a pair of small functions, a step and an update; `algorithm` strings them together.
docs/kmeans.md tells the whole story.
"""

from burly.algorithms.kmeans.algorithm import KMeans
from burly.algorithms.kmeans.assignment import Assignment, Distances

__all__ = ["Assignment", "Distances", "KMeans"]
