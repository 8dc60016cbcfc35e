"""natscli against two servers: a file for each group of commands, and what makes their outputs comparable."""
