"""The words that everybody uses: results, values, errors."""
