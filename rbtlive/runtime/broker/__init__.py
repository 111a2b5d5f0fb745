"""A broker connection, and the comparison of its books with ours."""
