"""Zero-token checks: sentences, quotes, the judgement of values, file contracts, the check language."""
