"""What the tests for all routes must know of this extension: nothing, as it adds no route and no table."""
