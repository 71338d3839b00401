"""The seed paper's tables 2-7, published values beside ours."""
