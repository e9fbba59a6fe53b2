"""What the strategies cost for millions of users: measured points, and a model that is checked."""
