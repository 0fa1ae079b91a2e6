"""A corpus of requests and answers, by which two builds are compared.

Nothing of the application is imported: it is used by its command line and over HTTP, so that the same
script measures builds whose modules are named otherwise.
"""
