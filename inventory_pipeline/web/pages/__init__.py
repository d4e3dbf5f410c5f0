"""The site's pages by subject: each module lists its addresses in PAGES."""
