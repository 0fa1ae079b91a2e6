"""HDF5 from elsewhere: its layers are checked and read in a process of their own (`python -m ingest.hdf5`).

Nothing here imports more than numpy and h5py, so that the process is small and begins quickly.
"""
