"""Stand-ins for the outside world: a GitLab, a mail server and pages to work in."""
