"""The site's users, and what lets a browser in."""
