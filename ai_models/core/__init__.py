"""The types and rules that every part shares: records, configs, images, errors, randomness."""
