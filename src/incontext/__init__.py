"""In Context: how attention gives words their meaning. The book's one implementation."""
