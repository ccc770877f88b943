"""A run over some of the rows or for a limited time: --since, --until, --max-rows, --deadline, --rescore, --dry-run.

Protects from: a run over unwanted rows, or beyond its time window; old predictions after a new model.
Costs: 7 options, and the index `items_scope`, which each insert and update maintains.
Instead: your own condition in `Runner.parts`, `timeout`, and an UPDATE that sets rows back to pending.
Remove: delete this folder and the lines that end with "# optional: scope".
"""
