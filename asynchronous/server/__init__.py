"""End connections in order, answer clients before they have sent everything, and bound what HTTP itself allows.

Protects from: connection resets when the proxy stops and after a 413; endless headers; clients that stop reading.
Costs: two layers of middleware for each request, and a stop that takes a second longer.
Instead: a reverse proxy in front of each proxy, which drains connections itself.
Remove: delete this folder and the lines that end with "# optional: server".
"""
