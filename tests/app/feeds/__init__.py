"""Tests of feeds: planning, orders and freshness, none of which needs a clock."""
