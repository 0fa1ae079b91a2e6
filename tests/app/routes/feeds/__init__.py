"""Tests of the addresses of feeds."""
