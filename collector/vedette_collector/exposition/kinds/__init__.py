"""The series that are about one kind of check each: their families, and what writes them."""
