"""What the accepted months say: line items read, months converted to other formats. No verdict rests on it."""
