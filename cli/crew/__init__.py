"""Workers that dream beside one another: processes of this machine, or of a Dask cluster."""
