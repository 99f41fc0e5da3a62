"""The work of the rows in other libraries, each imported when it is called."""
