"""Reads what pictures come in: folders, archives, arrays, LMDB, Parquet, and sets on the hub."""
