"""Try what a job needs before a job is accepted, and look once at what endangers accepted jobs.

Protects from: a proxy that is ready while no job can be done; a Redis that drops, forgets or evicts accepted jobs.
Costs: one run of the script for each `/ready`, and one INFO at a start.
Instead: an operator who checks Redis by hand; `/ready` only asks whether Redis answers.
Remove: delete this folder and the lines that end with "# optional: checks".
"""
