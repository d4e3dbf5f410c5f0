"""The site's users: made, changed, signed in."""
