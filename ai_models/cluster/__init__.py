"""Past one machine: a Dask cluster that computes features in chunks and fits, with the results of this machine."""

from ai_models.cluster.connecting import cluster_in_use, computing
from ai_models.cluster.dask_cluster import Cluster

__all__ = ["Cluster", "cluster_in_use", "computing"]
