"""Why the figures of a peer differ from ours: one sentence for each, in the order of RESULTS.md."""

REASONS = {
    "web_single": {
        "BentoML": "Middleware counts and times each request, and a pydantic model turns its JSON into an array.",
        "MLServer": "Each request carries names, types and shapes; pydantic models and a codec convert it both ways.",
        "LitServe": "A request goes from the process of the API to that of the model and back, here both on one CPU.",
    },
    "asynchronous": {
        "one job in a batch": "Ours with BATCH_SIZE=1: how much of the difference to the peers comes from batches.",
        "minimal loop": "The limit of `queue` above: no leases, retries, states or expiry.",
        "Celery": "The main process passes each job through a pipe to the one that works, and acknowledges it alone.",
        "RQ": "It takes one job at a time and writes its state, its result and two registries around the work.",
        "ARQ": "It marks, fetches and removes each job in steps of its own, for up to 100 jobs at a time.",
        "Dramatiq": "It fetches many messages in one step; eight threads store and acknowledge each result alone.",
        "taskiq": "It reads up to 100 entries of a stream in one step, and stores and acknowledges each job alone.",
    },
    "batch": {
        "row by row": "Each of a hundredth of the rows waits for a SELECT, an UPDATE and a COMMIT of its own.",
        "pandas": "`to_sql` cannot update, so rows go to a second table and one join writes all; none is claimed.",
    },
}
