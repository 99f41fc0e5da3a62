"""The one error of this package for files that are not what they should be."""


class DataError(ValueError):
    """A data file is missing, cannot be fetched, or does not hold what it should."""
