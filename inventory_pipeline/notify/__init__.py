"""How a notice leaves the house: Apprise for people, signed JSON for programs. Knows no database and no store."""
